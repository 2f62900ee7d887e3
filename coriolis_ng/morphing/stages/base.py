# SPDX-License-Identifier: Apache-2.0
"""The contract of a stage: one kind of change to a guest.

A stage is idempotent, says in its docstring what it touches and touches
nothing else, and has a golden test on fixture trees (``testing.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.target import Target

Note = Callable[[str], None]


class Stage:
    """One change; ``name`` stands in plans, notes and goldens.

    An ``optional`` stage may fail without failing the morphing: the guest
    boots without it, and the failure becomes a note.
    """

    name: ClassVar[str]
    optional: ClassVar[bool] = False

    def __init__(self, note: Note) -> None:
        self.note = note

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Whether there may be something to do; pure, looks at facts."""
        raise NotImplementedError

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Do it. ``self.note`` tells the user what was done or skipped."""
        raise NotImplementedError
