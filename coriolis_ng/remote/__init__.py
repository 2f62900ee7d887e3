# SPDX-License-Identifier: Apache-2.0
"""Commands and files on another machine."""
