# SPDX-License-Identifier: Apache-2.0
"""Recovery points: the moments that machines can be deployed from."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import names
from coriolis_ng.client.cli.command import Deleter, Lister, ShowOne
from coriolis_ng.client.cli.figures import Size


class List(Lister):
    """List the recovery points of a transfer, the newest first."""

    columns = {
        'ID': 'id',
        'Instance': 'instance',
        'Created': 'created_at',
        'Consistency': 'consistency',
        'Mode': 'mode',
        'Why': 'reason',
        'Changed': lambda point: Size(point['bytes_changed']),
        'Sent': lambda point: Size(point['bytes_sent']),
        'Verified': 'verification',
        'Pinned': 'pinned',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            'transfer', help='id, notes, or one of its machines'
        )
        parser.add_argument('--instance', help='only those of this machine')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        transfer = names.transfer(
            self.client.transfers, given.transfer, self.program
        )
        return [
            *self.client.recovery_points.all_of(
                transfer, instance=given.instance
            )
        ]


class _OfOne(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('point', help='id of the recovery point')


class Show(_OfOne):
    """Show a recovery point with its disks and figures."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.recovery_points.get(given.point)


class Pin(_OfOne):
    """Keep a recovery point whatever the retention says."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.recovery_points.pin(given.point)


class Unpin(_OfOne):
    """Leave a recovery point to the retention again."""

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.recovery_points.pin(given.point, pinned=False)


class Delete(Deleter):
    """Delete recovery points."""

    noun = 'point'
    what = 'id of the recovery point'

    def delete(self, said: str, given: argparse.Namespace) -> None:
        self.client.recovery_points.delete(said)


COMMANDS = {
    'recovery point list': List,
    'recovery point show': Show,
    'recovery point pin': Pin,
    'recovery point unpin': Unpin,
    'recovery point delete': Delete,
}
