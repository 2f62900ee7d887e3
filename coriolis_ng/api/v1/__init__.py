# SPDX-License-Identifier: Apache-2.0
"""Controllers, one file per noun; each method declares what it is."""
