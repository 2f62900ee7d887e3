# SPDX-License-Identifier: Apache-2.0
"""Adapts a guest's disks to the cloud that they were copied to."""
