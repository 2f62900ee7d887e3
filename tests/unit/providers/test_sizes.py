# SPDX-License-Identifier: Apache-2.0
"""Sizes as people read them."""

import pytest

from coriolis_ng.objects.sizes import readable


@pytest.mark.parametrize(
    ('size', 'text'),
    [
        (0, '0 bytes'),
        (1023, '1023 bytes'),
        (1024, '1.0 KiB'),
        (16777216, '16.0 MiB'),
        (3300917248, '3.1 GiB'),
        ((1 << 30) - 1, '1.0 GiB'),
        (1 << 50, '1.0 PiB'),
        (5 << 60, '5120.0 PiB'),
    ],
)
def test_units(size: int, text: str) -> None:
    assert readable(size) == text
