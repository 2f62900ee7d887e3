# SPDX-License-Identifier: Apache-2.0
"""What commands share that start something and may wait for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from coriolis_ng.client import ApiError, Failed
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import watch
from coriolis_ng.client.cli.advice import spelled
from coriolis_ng.client.cli.command import Ours
from coriolis_ng.client.runs import Run, succeeded

T = TypeVar('T', bound=Run)


def waiting(parser: argparse.ArgumentParser) -> None:
    """``--wait``."""
    parser.add_argument(
        '--wait',
        action='store_true',
        help='show it until it ended; exit code 1 when it did not go well. '
        'Ctrl-C ends the view only',
    )


class Followers(Ours):
    """Follows a run; says how to go on when one does not wait, when it is
    interrupted, and when it failed."""

    noun: ClassVar[str] = 'transfer'

    def follow(
        self, look: Callable[[], T], title: str, words: str, again: str
    ) -> T:
        """``words`` name the run behind a verb: ``execution {} T E``."""
        seen = watch.follow(
            look,
            title=title,
            interrupted=(
                'It goes on without you.\n'
                f'  to follow it: {self._verb(words, "watch")}\n'
                f'  to stop it:   {self._verb(words, "cancel")}'
            ),
            quiet=getattr(self.app.options, 'verbose_level', 1) == 0,
        )
        try:
            return succeeded(seen)
        except Failed as error:
            raise ApiError(
                f'{error.message}\n'
                f'  to see every step: {self._verb(words, "show")}\n{again}',
                code='failed',
            ) from None

    def _verb(self, words: str, verb: str) -> str:
        return spelled(f'{self.program} {words.format(verb)}')


class Runs(Followers):
    """Follows executions of a transfer, whatever it is called."""

    def executions(self, transfer_id: str) -> Any:
        """The executions of one."""
        raise NotImplementedError

    def followed(self, transfer_id: str, run: Json) -> Json:
        """The execution when it has ended, and well."""
        runs = self.executions(transfer_id)
        id = run['id']
        # What did not copy anything has no work to go on with.
        copies = run.get('type') in {'transfer_execution', 'replica_execution'}
        retry = ' --retry-of last' if copies else ''
        found: Json = self.follow(
            lambda: runs.get(id),
            f'execution {run.get("number", id)}',
            f'{self.noun} execution {{}} {transfer_id} {id}',
            f'  to try again:      {self.program} {self.noun} execute '
            f'{transfer_id}{retry} --wait',
        )
        return found

    def started(self, transfer_id: str, run: Json, wait: bool) -> Json:
        """The execution, at its end if ``wait``; else says how to follow."""
        if wait:
            return self.followed(transfer_id, run)
        self.say(
            f'It runs. To follow it: {self.program} {self.noun} execution '
            f'watch {transfer_id} {run["id"]}'
        )
        return run
