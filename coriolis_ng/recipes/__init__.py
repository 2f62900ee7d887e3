# SPDX-License-Identifier: Apache-2.0
"""What to do, one page for each kind of execution."""
