# SPDX-License-Identifier: Apache-2.0
"""Providers that the workers carry, and their schemas."""

from __future__ import annotations

from coriolis_ng import errors
from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import providers as schema
from coriolis_ng.api.views import providers as view
from coriolis_ng.db import api as rows
from coriolis_ng.objects.service import ProviderInfo
from coriolis_ng.policies import providers as rules


class Schemas(Controller):
    @method(
        'GET /providers/{platform}/schemas/{type}',
        rules.SCHEMAS,
        answer=schema.SchemasAnswer,
    )
    def get_one(
        self, platform: str, type: str, *, call: Call
    ) -> schema.SchemasAnswer:
        """Show the schema of connection information or an environment."""
        info = _known(call).get(platform)
        is_number = type.isascii() and type.isdigit() and len(type) < 10
        if info is not None and is_number:
            schemas = view.schemas(info, int(type))
            if schemas:
                return schema.SchemasAnswer(schemas=schemas)
        raise errors.NotFound(f'Provider not found for: {platform}, {type}')


class Providers(Controller):
    @method('GET /providers', rules.LIST, answer=schema.ProvidersAnswer)
    def get_all(self, *, call: Call) -> schema.ProvidersAnswer:
        """List the providers of the workers that are alive."""
        return schema.ProvidersAnswer(
            providers={
                name: view.provider(info)
                for name, info in sorted(_known(call).items())
            }
        )

    schemas = Schemas()

    # There is no document of one provider; this only tells pecan that one
    # word of the URL stands before ``schemas``.
    def get_one(self, platform: str) -> None:
        """Never exposed."""


def _known(call: Call) -> dict[str, ProviderInfo]:
    with call.site.database.reader() as session:
        return view.known(rows.services.list(session))
