# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on ranges, against a disk drawn byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coriolis_ng.transport.extents import (
    Cost,
    Extent,
    Kind,
    clip,
    intersect,
    join,
    split,
    total,
)

DATA, ZERO, HOLE = Kind.DATA, Kind.ZERO, Kind.HOLE


def at(start: int, length: int, kind: Kind = DATA) -> Extent:
    return Extent(start=start, length=length, kind=kind)


def drawn(extents: list[Extent]) -> dict[int, Kind]:
    """The kind of each byte."""
    bytes_ = [
        (n, e.kind)
        for e in extents
        for n in range(e.start, e.start + e.length)
    ]
    assert bytes_ == sorted(bytes_), 'not ascending'
    assert len(dict(bytes_)) == len(bytes_), 'overlap'
    return dict(bytes_)


@st.composite
def some_extents(draw: st.DrawFn) -> list[Extent]:
    found, start = [], 0
    for gap, length, kind in draw(
        st.lists(
            st.tuples(
                st.integers(0, 9), st.integers(1, 9), st.sampled_from(Kind)
            ),
            max_size=12,
        )
    ):
        found.append(at(start + gap, length, kind))
        start += gap + length
    return found


def test_total_counts_one_kind_or_all() -> None:
    extents = [at(0, 10), at(10, 5, ZERO), at(20, 7, HOLE)]
    assert total(extents) == 22
    assert total(extents, ZERO) == 5


def test_join_bridges_only_cheap_gaps_of_data() -> None:
    cost = Cost(request_seconds=1, bytes_per_second=10)
    extents = [at(0, 5), at(15, 5), at(31, 1), at(32, 4, ZERO), at(36, 2)]
    assert list(join(extents, cost)) == [
        at(0, 20),
        at(31, 1),
        at(32, 4, ZERO),
        at(36, 2),
    ]


def test_join_never_bridges_zeroes() -> None:
    cost = Cost(request_seconds=1, bytes_per_second=10)
    extents = [at(0, 5, HOLE), at(7, 5, HOLE)]
    assert list(join(extents, cost)) == extents


@given(some_extents())
def test_join_without_cost_changes_no_byte(extents: list[Extent]) -> None:
    joined = list(join(extents))
    assert drawn(joined) == drawn(extents)
    for one, two in zip(joined, joined[1:], strict=False):
        assert one.end < two.start or one.kind is not two.kind


@given(some_extents(), some_extents())
def test_intersect(changed: list[Extent], allocation: list[Extent]) -> None:
    kinds = drawn(allocation)
    expected = {n: kinds[n] for n in drawn(changed) if n in kinds}
    assert drawn(list(intersect(changed, allocation))) == expected


@given(some_extents(), st.integers(0, 60), st.integers(0, 60))
def test_clip(extents: list[Extent], start: int, length: int) -> None:
    whole = drawn(extents)
    inside = {n: k for n, k in whole.items() if start <= n < start + length}
    assert drawn(list(clip(extents, start, length))) == inside


@given(some_extents(), st.integers(1, 20))
def test_split(extents: list[Extent], grid: int) -> None:
    parts = list(split(extents, grid))
    assert drawn(parts) == drawn(extents)
    for part in parts:
        assert part.start // grid == (part.end - 1) // grid
