# SPDX-License-Identifier: Apache-2.0
"""Recovery points: the moments that machines can be deployed from."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import Command, Lister, ShowOne, size


class List(Lister):
    """List the recovery points of a transfer, the newest first."""

    columns = {
        'ID': 'id',
        'Instance': 'instance',
        'Created': 'created_at',
        'Consistency': 'consistency',
        'Mode': 'mode',
        'Why': 'reason',
        'Changed': 'changed',
        'Sent': 'sent',
        'Verified': 'verification',
        'Pinned': 'pinned',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.recovery_points.of(given.transfer)
        return [
            {
                **point,
                'changed': size(point['bytes_changed']),
                'sent': size(point['bytes_sent']),
            }
            for point in found
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


class Delete(Command):
    """Delete recovery points."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('point', nargs='+')

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for id in parsed_args.point:
            self.client.recovery_points.delete(id)


COMMANDS = {
    'recovery point list': List,
    'recovery point show': Show,
    'recovery point pin': Pin,
    'recovery point unpin': Unpin,
    'recovery point delete': Delete,
}
