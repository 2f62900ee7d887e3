# SPDX-License-Identifier: Apache-2.0
"""Encrypted disks: not opened yet, but told apart from empty ones."""

from __future__ import annotations

from collections.abc import Sequence

from coriolis_ng.morphing.guest import FileSystem


def why(found: Sequence[FileSystem]) -> str:
    """A sentence for the user when disks are encrypted, else nothing."""
    locked = [one.device for one in found if one.type == 'crypto_LUKS']
    if not locked:
        return ''
    return (
        'The guest is on encrypted disks (LUKS), which cannot be adapted '
        f'yet: {", ".join(locked)}.'
    )
