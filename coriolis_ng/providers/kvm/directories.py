# SPDX-License-Identifier: Apache-2.0
"""Where on the host a user of the API may send us.

The worker is root there: without a limit, whoever may write an environment
could have any directory filled, and any file booted from and read.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence

from coriolis_ng.providers import errors

OPTION = '[worker] kvm_directories'
DEFAULTS = (
    '/var/lib/libvirt/images',
    '/var/lib/coriolis',
    '/var/cache/coriolis',
    '/var/tmp/coriolis',  # noqa: S108  # only root can make it a link
)


class Directories:
    """The directories that the operator allows, and all below them."""

    def __init__(self, allowed: Sequence[str] = DEFAULTS) -> None:
        self._allowed = tuple(allowed)

    def check(
        self,
        path: str | os.PathLike[str],
        field: str,
        more: Iterable[str | os.PathLike[str]] = (),
    ) -> pathlib.Path:
        """The path without links and dots, which need not exist.

        It is to be used from then on: what was checked is where it leads,
        not what it is called. ``more`` are directories that are allowed
        here too. Raises ``InvalidInput`` with ``field`` and the option.
        """
        real = pathlib.Path(os.path.realpath(path))
        for folder in (*self._allowed, *more):
            if real.is_relative_to(os.path.realpath(folder)):
                return real
        raise errors.InvalidInput(
            f'{field} is {os.fspath(path)}, which is in none of the '
            f'directories that the operator allows ({OPTION}: '
            f'{", ".join(self._allowed) or "none"}).',
            field=field,
        )
