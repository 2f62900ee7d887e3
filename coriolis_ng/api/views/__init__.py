# SPDX-License-Identifier: Apache-2.0
"""From objects to answers of the current dialect; no rows, no wire.

This is the only place that knows the public words of states and kinds.
"""
