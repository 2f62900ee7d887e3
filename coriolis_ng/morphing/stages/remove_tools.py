# SPDX-License-Identifier: Apache-2.0
"""The guest tools of the hypervisor that the guest has left."""

from __future__ import annotations

from coriolis_ng.morphing import packages
from coriolis_ng.morphing.guest import HYPERVISOR_TOOLS, Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Target


class RemoveTools(Stage):
    """Purge tools of other hypervisors with the guest's package tool.

    Needs no network. Optional: a guest boots with foreign tools too.
    """

    name = 'remove_tools'
    optional = True

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where packages of another hypervisor are installed that the user did
        not want kept."""
        return guest.package_tool == 'apt' and bool(_foreign(guest, target))

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Removes them by the guest's package tool; ``CommandFailed``."""
        names = _foreign(guest, target)
        packages.remove(root, names)
        self.note(f'Removed {", ".join(names)}.')


def _foreign(guest: Guest, target: Target) -> tuple[str, ...]:
    return tuple(
        name
        for name in guest.tools
        if HYPERVISOR_TOOLS[name] != target.hypervisor
        and name not in target.keep_tools
    )
