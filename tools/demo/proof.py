# SPDX-License-Identifier: Apache-2.0
"""What the demo has shown, as a table for people and JSON for programs."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from rich.table import Table

from tools.demo.shell import CONSOLE


class Proof:
    """Collects figures; ``failures`` says what is not as it should be."""

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {'executions': [], 'sha256_match': {}}
        self._later: list[dict[str, Any]] = []
        self.points = 0
        self._rows: list[tuple[str, str, bool]] = []

    def execution(self, point: dict[str, Any], seconds: float) -> None:
        """The figures of the execution that made ``point``."""
        self.points += 1
        figures = {
            'mode': point['mode'],
            'reason': point['reason'],
            'bytes_changed': point['bytes_changed'],
            'bytes_read': point['bytes_read'],
            'bytes_sent': point['bytes_sent'],
            'seconds': round(seconds, 1),
        }
        number = len(self.figures['executions']) + 1
        if number <= 3:
            self.figures['executions'].append(figures)
        else:
            self._later.append(figures)
        self._row(
            f'execution {number if number <= 3 else 5}',
            f'{figures["mode"]} ({figures["reason"]}), '
            f'{point["bytes_changed"] / 2**20:.1f} MiB changed, '
            f'{point["bytes_read"] / 2**20:.1f} read, '
            f'{point["bytes_sent"] / 2**20:.1f} sent, {seconds:.0f} s, '
            f'{point["consistency"]}-consistent',
            figures['mode'] == ('full' if number == 1 else 'delta'),
        )
        if point['verification'] == 'full':
            for disk in point['disks']:
                self._digest(disk)

    def _digest(self, disk: dict[str, Any]) -> None:
        # The point stands only when the digest of its disk, read back,
        # equals the one taken from the source's snapshot.
        found = bool(disk['sha256'])
        known = self.figures['sha256_match'].get(disk['disk_id'], True)
        self.figures['sha256_match'][disk['disk_id']] = known and found
        self._row(
            f'sha256 of {disk["disk_id"]}, both ends',
            disk['sha256'][:32] + '…',
            found,
        )

    def booted(self, seconds: float, same: bool) -> None:
        self.figures['booted_seconds'] = round(seconds, 1)
        self._row('deployed machine', f'SSH after {seconds:.0f} s', True)
        self._row('same machine, last file there', str(same), same)

    def killed(self, moved: int, ended: str) -> None:
        self._row(
            'execution 4, killed',
            f'after {moved / 2**20:.0f} MiB, ended as {ended}',
            ended == 'CANCELED',
        )

    def deployable(self, well: bool) -> None:
        self._row('the point before it', 'was deployed and booted', well)

    def kept(self, points: int) -> None:
        self._row('recovery points kept', str(points), points >= 2)

    def leftovers(self, found: list[str]) -> None:
        self.figures['leftovers'] = found
        self._row('leftovers', ', '.join(found) or 'none', not found)

    def end(self, seconds: float) -> None:
        self.figures['total_seconds'] = round(seconds, 1)
        self._row('whole time', f'{seconds:.0f} s', seconds < 720)

    def _row(self, what: str, told: str, well: bool) -> None:
        self._rows.append((what, told, well))

    @property
    def failures(self) -> list[str]:
        return [what for what, _, well in self._rows if not well]

    def show(self) -> None:
        table = Table(title='What was proven', show_lines=False)
        for heading in ('what', 'seen', 'as it should be'):
            table.add_column(heading)
        for what, told, well in self._rows:
            table.add_row(
                what, told, '[green]yes[/]' if well else '[red]NO[/]'
            )
        CONSOLE.print(table)

    def write(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps(self.figures, indent=1) + '\n')
