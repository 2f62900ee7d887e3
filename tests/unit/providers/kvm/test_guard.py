# SPDX-License-Identifier: Apache-2.0
"""When it is looked whether a machine stayed off."""

import threading

from coriolis_ng.providers.kvm import offline
from coriolis_ng.providers.kvm.sources import Guard


def guard(always, every):
    looks = []
    made = Guard(
        lambda: looks.append(threading.get_ident()),
        always=always,
        every_seconds=every,
    )
    return made, looks


def test_of_a_machine_that_is_off():
    made, looks = guard(True, 0)
    made.after_read()
    made.after_read()
    made.at_end()
    assert len(looks) == 3


def test_not_at_each_read():
    made, looks = guard(True, 3600)
    made.after_read()
    assert looks == []
    made.at_end()
    assert len(looks) == 1


def test_of_a_running_machine_only_when_something_broke():
    made, looks = guard(False, 0)
    made.after_read()
    made.at_end()
    assert looks == []
    made.look()
    assert len(looks) == 1


def test_when_a_file_was_written(tmp_path):
    path = tmp_path / 'x'
    assert offline.written(str(path)) == 0
    path.write_bytes(b'x')
    assert offline.written(str(path)) == path.stat().st_mtime_ns
    assert offline.written('/dev/null') == 0
