# SPDX-License-Identifier: Apache-2.0
"""One linear chain: each revision names the one before it."""
