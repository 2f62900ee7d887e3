# SPDX-License-Identifier: Apache-2.0
"""REST: HTTP and nothing else. It reads rows and sends commands."""
