# SPDX-License-Identifier: Apache-2.0
"""The parts that need no process: lease, progress, report and frames."""

from __future__ import annotations

import socket

import pytest

from coriolis_ng.objects.task import Level, Progress
from coriolis_ng.worker import pipe
from coriolis_ng.worker.lease import Lease
from coriolis_ng.worker.meter import Meter
from coriolis_ng.worker.report import MOST_NOTES, Report


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_no_lease_is_held_before_the_first_beat(clock: Clock) -> None:
    assert not Lease(15, clock).held


def test_a_lease_counts_from_when_the_beat_was_sent(clock: Clock) -> None:
    lease = Lease(15, clock)
    sent_at = lease.now()
    clock.now += 20  # the answer took so long
    lease.renew(sent_at, 90)
    clock.now = 1074.9
    assert lease.held
    clock.now = 1075.0
    assert not lease.held


def test_a_lease_can_be_given_up(clock: Clock) -> None:
    lease = Lease(15, clock)
    lease.renew(lease.now(), 90)
    lease.give_up()
    assert not lease.held


def test_progress_is_thinned_out(clock: Clock) -> None:
    meter = Meter(clock)
    assert meter.tell('vda', 0, 100, 'bytes')
    clock.now += 0.1
    assert meter.tell('vda', 10, 100, 'bytes') is None
    clock.now += 0.5
    report = meter.tell('vda', 20, 100, 'bytes')
    assert report
    assert report.done == 20


def test_items_do_not_hold_each_other_back(clock: Clock) -> None:
    meter = Meter(clock)
    assert meter.tell('vda', 1, 100, 'bytes')
    assert meter.tell('vdb', 1, 100, 'bytes')


def test_the_end_is_told_at_once_and_once(clock: Clock) -> None:
    meter = Meter(clock)
    meter.tell('', 99, 100, 'bytes')
    report = meter.tell('', 100, 100, 'bytes')
    assert report
    assert report.done == 100
    clock.now += 5
    assert meter.tell('', 100, 100, 'bytes') is None
    assert meter.rest() == ()


def test_progress_that_stands_is_silence(clock: Clock) -> None:
    meter = Meter(clock)
    assert meter.tell('', 0, 0, 'bytes')
    clock.now += 60
    assert meter.tell('', 0, 0, 'bytes') is None


def test_what_was_held_back_is_told_in_the_end(clock: Clock) -> None:
    meter = Meter(clock)
    meter.tell('', 1, 100, 'bytes')
    meter.tell('', 2, 100, 'bytes')
    assert [one.done for one in meter.rest()] == [2]


def test_the_rate_is_that_of_the_last_seconds(clock: Clock) -> None:
    meter = Meter(clock)
    report = None
    done = 0
    for second in range(60):
        clock.now += 1
        done += 1000 if second < 30 else 100
        report = meter.tell('', done, 100_000, 'bytes')
    assert report
    assert report.rate == pytest.approx(100)
    assert report.eta_seconds == pytest.approx((100_000 - done) / 100)


def test_the_rate_begins_anew_with_the_work(clock: Clock) -> None:
    meter = Meter(clock)
    meter.tell('', 5000, 9000, 'bytes')
    clock.now += 2
    report = meter.tell('', 10, 9000, 'bytes')
    assert report
    assert report.rate is None


def test_a_report_is_told_until_it_is_acknowledged() -> None:
    report = Report('t', 1)
    report.note('one', Level.INFO)
    report.tell((Progress(done=1),))
    report.save({'x': 1})
    first = report.beat()
    assert first == report.beat()
    assert first.advanced
    report.acknowledged(first)
    second = report.beat()
    assert (second.notes, second.checkpoint) == ((), None)
    assert second.progress == ()
    assert [one.done for one in first.progress] == [1]
    assert not second.advanced
    assert not report.fresh


def test_what_came_after_the_beat_is_still_to_be_told() -> None:
    report = Report('t', 1)
    report.note('one', Level.INFO)
    report.save({'x': 1})
    told = report.beat()
    report.note('two', Level.WARNING)
    report.save({'x': 1})
    report.acknowledged(told)
    assert report.fresh
    rest = report.beat()
    assert [(n.index, n.text) for n in rest.notes] == [(1, 'two')]
    assert rest.checkpoint == {'x': 1}


def test_notes_are_bounded() -> None:
    report = Report('t', 1)
    for number in range(MOST_NOTES + 5):
        report.note(str(number), Level.INFO)
    assert len(report.beat().notes) == MOST_NOTES


def test_frames_carry_messages_until_one_side_is_gone() -> None:
    one, other = socket.socketpair()
    worker = pipe.Pipe(one, pipe.FromChild)
    child = pipe.Pipe(other, pipe.FromWorker)
    assert child.send(pipe.Saved(checkpoint={'data': 'x' * 50_000}))
    assert child.send(pipe.Hello(pid=7))
    saved = worker.receive()
    assert saved == pipe.Saved(checkpoint={'data': 'x' * 50_000})
    assert worker.receive() == pipe.Hello(pid=7)
    child.close()
    assert worker.receive() is None
    assert not worker.send(pipe.StopNow())
    worker.close()


def test_a_frame_that_is_too_long_ends_the_talk() -> None:
    one, other = socket.socketpair()
    with one, other:
        other.sendall(b'\xff\xff\xff\xff')
        assert pipe.Pipe(one, pipe.FromChild).receive() is None
