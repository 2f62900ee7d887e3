# SPDX-License-Identifier: Apache-2.0
"""Sizes as people read them."""

from __future__ import annotations

_UNITS = ('bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')


def readable(size: int) -> str:
    """``size`` in bytes with one decimal: ``3.1 GiB``, ``512 bytes``."""
    found, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        # 1023.96 would read as 1024.0.
        if found < 1023.95 or unit == _UNITS[-1]:
            break
        found /= 1024
    return f'{size} bytes' if unit == 'bytes' else f'{found:.1f} {unit}'


__all__ = ['readable']
