# SPDX-License-Identifier: Apache-2.0
"""Services: the processes that do the work."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import Lister


class List(Lister):
    """List services."""

    columns = {
        'ID': 'id',
        'Host': 'host',
        'Binary': 'binary',
        'Enabled': 'enabled',
        'Status': 'status',
    }

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.client.services.list()


COMMANDS = {'service list': List}
