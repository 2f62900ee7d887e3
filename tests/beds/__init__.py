# SPDX-License-Identifier: Apache-2.0
"""Real servers, images and guests for tests and for the demonstration.

Each bed keeps to loopback and to a directory of its own, and ends what it
started by process id. Only ``coriolis`` knows the product.
"""
