# SPDX-License-Identifier: Apache-2.0
"""The chain of schema migrations; applied by ``db.migration``."""
