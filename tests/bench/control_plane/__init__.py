# SPDX-License-Identifier: Apache-2.0
"""The control plane under load: see ``__main__``."""
