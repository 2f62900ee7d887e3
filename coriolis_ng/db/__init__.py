# SPDX-License-Identifier: Apache-2.0
"""Rows: everything that must survive a crash of any process."""
