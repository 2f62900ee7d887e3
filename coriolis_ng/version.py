# SPDX-License-Identifier: Apache-2.0
"""The release of this code, as the packaging recorded it."""

from __future__ import annotations

import importlib.metadata


def release() -> str:
    """Such as ``1.0.0``; ``0.0.0`` in a checkout that is not installed."""
    try:
        return importlib.metadata.version('coriolis-ng')
    except importlib.metadata.PackageNotFoundError:
        return '0.0.0'
