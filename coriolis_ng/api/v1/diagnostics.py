# SPDX-License-Identifier: Apache-2.0
"""What the service runs on."""

from __future__ import annotations

from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import services as schema
from coriolis_ng.api.views import services as view
from coriolis_ng.db import api as rows
from coriolis_ng.policies import diagnostics as rules


class Diagnostics(Controller):
    @method('GET /diagnostics', rules.GET, answer=schema.DiagnosticsAnswer)
    def get_all(self, *, call: Call) -> schema.DiagnosticsAnswer:
        """Show what this process and the others run on."""
        with call.site.database.reader() as session:
            others = rows.services.list(session)
        return schema.DiagnosticsAnswer(
            diagnostics=[
                view.own_diagnostics(),
                *[view.diagnostics(one) for one in others],
            ]
        )
