# SPDX-License-Identifier: Apache-2.0
"""Where secrets rest, and how they cross the bus sealed."""
