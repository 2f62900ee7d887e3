# SPDX-License-Identifier: Apache-2.0
"""The machines of a cloud as a table, for spreadsheets."""

from __future__ import annotations

from typing import Any

from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import endpoints as schema
from coriolis_ng.api.v1 import endpoints
from coriolis_ng.api.views import inventory as view
from coriolis_ng.objects import from_plain
from coriolis_ng.objects.vm import Vm
from coriolis_ng.policies import endpoints as rules


class Inventory(Controller):
    @method(
        f'GET {endpoints.ONE}/inventory',
        rules.BROWSE,
        query=schema.EnvQuery,
        answer=str,
        media=view.MEDIA,
    )
    def get_all(self, id: str, *, call: Call) -> str:
        """Show the machines of the cloud as CSV."""
        plain = endpoints.ask(call, id, 'instances', limit=None)
        return view.table(from_plain(list[Vm], plain))


def below(controller: Any) -> None:
    """Puts it below the controller of endpoints, which it needs itself."""
    controller.inventory = Inventory()
