# SPDX-License-Identifier: Apache-2.0
"""A small cloud in a process of its own, for tests and for the first steps
of somebody who writes a provider."""
