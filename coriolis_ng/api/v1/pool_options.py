# SPDX-License-Identifier: Apache-2.0
"""What can be chosen for the machines of a pool in a cloud."""

from __future__ import annotations

from typing import Any

from coriolis_ng.api.method import Call, Controller, method
from coriolis_ng.api.schemas import endpoints as schema
from coriolis_ng.api.v1 import endpoints
from coriolis_ng.policies import endpoints as rules


class SourcePoolOptions(Controller):
    @method(
        f'GET {endpoints.ONE}/source-minion-pool-options',
        rules.BROWSE,
        query=schema.OptionsQuery,
        answer=schema.SourcePoolOptionsAnswer,
    )
    def get_all(
        self, id: str, *, call: Call
    ) -> schema.SourcePoolOptionsAnswer:
        """List what can be chosen for pools of a source."""
        offered = endpoints.offered(call, id, 'pool_options', 'source')
        return schema.SourcePoolOptionsAnswer(
            source_minion_pool_options=offered
        )


class DestinationPoolOptions(Controller):
    @method(
        f'GET {endpoints.ONE}/destination-minion-pool-options',
        rules.BROWSE,
        query=schema.OptionsQuery,
        answer=schema.DestinationPoolOptionsAnswer,
    )
    def get_all(
        self, id: str, *, call: Call
    ) -> schema.DestinationPoolOptionsAnswer:
        """List what can be chosen for pools of a destination."""
        offered = endpoints.offered(call, id, 'pool_options', 'destination')
        return schema.DestinationPoolOptionsAnswer(
            destination_minion_pool_options=offered
        )


def below(controller: Any) -> None:
    """Puts both below the controller of endpoints: names with dashes are
    no attributes that a class body could have."""
    setattr(controller, 'source-minion-pool-options', SourcePoolOptions())
    setattr(
        controller,
        'destination-minion-pool-options',
        DestinationPoolOptions(),
    )
