# SPDX-License-Identifier: Apache-2.0
"""Executions of a transfer: follow them, look at them, stop them."""

from __future__ import annotations

import argparse

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import watch
from coriolis_ng.client.cli.command import Command, Lister, ShowOne


def followed(client: Client, transfer_id: str, execution: Json) -> Json:
    """Follows an execution to its end; raises when it did not go well."""
    runs = client.executions.of(transfer_id)
    seen = watch.follow(lambda: runs.get(execution['id']))
    return succeeded(seen)


def succeeded(seen: Json) -> Json:
    """``seen`` itself; ``ApiError`` with the first cause otherwise."""
    if watch.status_of(seen) == 'COMPLETED':
        return seen
    causes = [
        f'{t["instance"]}: {t["exception_details"]}'
        for t in seen['tasks']
        if t['exception_details'] and not t.get('on_error')
    ]
    raise ApiError(
        f'The execution ended as {watch.status_of(seen)}. '
        + ' '.join(causes[:3]),
        status=0,
    )


def brief(execution: Json) -> Json:
    """An execution with a line for each task."""
    shown = {k: v for k, v in execution.items() if k != 'tasks'}
    shown['tasks'] = '\n'.join(
        f'{t["index"]:3d} {t["instance"]} {t["task_type"]} {t["status"]}'
        + (f': {t["exception_details"]}' if t['exception_details'] else '')
        for t in execution['tasks']
    )
    return shown


class _OfOne(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')
        parser.add_argument('execution', help='id of the execution')


class List(Lister):
    """List the executions of a transfer, the newest first."""

    columns = {
        'ID': 'id',
        'Number': 'number',
        'Type': 'type',
        'Status': 'status',
        'Created': 'created_at',
    }

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')
        parser.add_argument('--limit', type=int, default=50)
        parser.add_argument('--marker', help='the last id seen')

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.executions.of(given.transfer).list(
            limit=given.limit, marker=given.marker
        )


class Show(_OfOne):
    """Show an execution with its tasks (-f json: everything)."""

    def thing(self, given: argparse.Namespace) -> Json:
        runs = self.client.executions.of(given.transfer)
        found = runs.get(given.execution)
        return found if given.formatter == 'json' else brief(found)


class Watch(_OfOne):
    """Follow an execution to its end."""

    def thing(self, given: argparse.Namespace) -> Json:
        found = followed(self.client, given.transfer, {'id': given.execution})
        return found if given.formatter == 'json' else brief(found)


class Cancel(Command):
    """Stop an execution; what it made is cleaned up."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')
        parser.add_argument('execution', help='id of the execution')
        parser.add_argument(
            '--force', action='store_true', help='kill what does not stop'
        )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.executions.cancel(
            parsed_args.transfer, parsed_args.execution, parsed_args.force
        )


class Delete(Command):
    """Forget an execution that ended."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('transfer', help='id of the transfer')
        parser.add_argument('execution', help='id of the execution')

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        runs = self.client.executions.of(parsed_args.transfer)
        runs.delete(parsed_args.execution)


COMMANDS = {
    'transfer execution list': List,
    'transfer execution show': Show,
    'transfer execution watch': Watch,
    'transfer execution cancel': Cancel,
    'transfer execution delete': Delete,
}
