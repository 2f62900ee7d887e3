# SPDX-License-Identifier: Apache-2.0
"""The wire: clients of both services and the values that cross it."""
