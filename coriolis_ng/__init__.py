# SPDX-License-Identifier: Apache-2.0
"""Coriolis NG moves and protects virtual machines between clouds."""
