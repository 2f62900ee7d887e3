# SPDX-License-Identifier: Apache-2.0
"""What a run would do, as a table of disks or of tasks."""

from __future__ import annotations

import argparse
from typing import Any

from coriolis_ng.client.cli.command import Column, Lister, cells
from coriolis_ng.client.cli.figures import Size, size

DISKS: dict[str, Column] = {
    'Instance': 'instance',
    'Disk': 'disk_id',
    'Size': lambda disk: Size(disk['size']),
    'Mode': 'mode',
    'Why': 'reason',
    'To Copy': lambda disk: Size(disk['bytes']),
    'Known By': 'basis',
}
TASKS: dict[str, Column] = {
    'Number': 'index',
    'Instance': 'instance',
    'Task': 'task_type',
    'After': 'depends_on',
    'Cleanup': 'on_error',
}


class Disks(Lister):
    """The disks of a plan; ``--tasks`` shows its tasks instead."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """See ``Ours``."""
        parser.add_argument(
            '--tasks', action='store_true', help='the tasks, not the disks'
        )

    def told(self, given: argparse.Namespace) -> Any:
        """The plan."""
        raise NotImplementedError

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[list[str], list[list[Any]]]:
        found = self.told(parsed_args)
        for note in found.notes:
            self.say(note)
        if parsed_args.tasks:
            return cells(TASKS, found.tasks)
        total = found.bytes
        count = len(found.tasks)
        known = 'an unknown amount' if total is None else size(total)
        self.say(f'{count} tasks; {known} to copy.')
        return cells(DISKS, found.disks)
