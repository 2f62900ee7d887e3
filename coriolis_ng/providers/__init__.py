# SPDX-License-Identifier: Apache-2.0
"""A cloud behind a contract: one folder each."""
