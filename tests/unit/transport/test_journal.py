# SPDX-License-Identifier: Apache-2.0
"""What a resumed attempt may skip, and what it must not."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng.transport.errors import JournalMismatch
from coriolis_ng.transport.extents import Extent
from coriolis_ng.transport.journal import Journal, JournalValue

GIB = 1 << 30
SEGMENT = 128 << 20
SIZE = GIB + 1000


def at(start: int, length: int) -> Extent:
    return Extent(start=start, length=length)


def test_it_travels_as_json() -> None:
    journal = Journal('snap', SIZE, since='before')
    journal.add(at(SEGMENT, 2 * SEGMENT))
    journal.add(at(GIB, 1000))
    data = msgspec.json.encode(journal.value())
    value = msgspec.json.decode(data, type=JournalValue)
    again = Journal.load(value, 'snap', SIZE, since='before')
    found = [number for number in range(again.count) if again.has(number)]
    assert found == [1, 2, 8]
    assert again.durable == 2 * SEGMENT + 1000


def test_parts_of_a_segment_do_not_count() -> None:
    journal = Journal('snap', SIZE)
    journal.add(at(1, 2 * SEGMENT))
    assert [journal.has(n) for n in range(3)] == [False, True, False]


def test_it_stays_small() -> None:
    journal = Journal('snap', 8 << 40)
    for number in range(0, journal.count, 3):
        journal.add(at(number * SEGMENT, SEGMENT))
    assert len(msgspec.json.encode(journal.value())) < 12 << 10


@pytest.mark.parametrize(
    'other',
    [
        {'snapshot': 'another', 'size': SIZE, 'since': 'before'},
        {'snapshot': 'snap', 'size': SIZE, 'since': None},
        {'snapshot': 'snap', 'size': SIZE + 512, 'since': 'before'},
    ],
)
def test_of_another_copy_it_is_refused(other: dict[str, object]) -> None:
    value = Journal('snap', SIZE, since='before').value()
    with pytest.raises(JournalMismatch):
        Journal.load(value, **other)
    with pytest.raises(JournalMismatch):
        Journal('snap', SIZE, since='before').merge(Journal(**other))


@pytest.mark.parametrize('done', ['AAAA', 'not base64!', 'eJwDAAAAAAE='])
def test_a_damaged_one_is_refused(done: str) -> None:
    value = msgspec.structs.replace(Journal('snap', SIZE).value(), done=done)
    with pytest.raises(JournalMismatch):
        Journal.load(value, 'snap', SIZE)


def test_merge_is_a_union() -> None:
    one, two = Journal('snap', SIZE), Journal('snap', SIZE)
    one.add(at(0, SEGMENT))
    two.add(at(SEGMENT, SEGMENT))
    one.merge(two)
    assert [one.has(n) for n in range(3)] == [True, True, False]
