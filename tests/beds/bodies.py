# SPDX-License-Identifier: Apache-2.0
"""A good body for each route that takes one, made of ids that exist: what is
refused then is refused for another reason."""

from __future__ import annotations

from typing import Any

from coriolis_ng.api.method import PROJECT, Route

Ids = dict[str, str]


def body_of(route: Route, ids: Ids) -> Any:
    """None for routes without one. ``ids`` are by the words of the routes,
    with ``destination_id`` for a second endpoint; things that belong to no
    project get a body that changes nothing."""
    if route.verb not in {'POST', 'PUT', 'PATCH'}:
        return None
    if route.action:
        return {route.action: None}
    path = route.path.removeprefix(PROJECT)
    noun = path.strip('/').split('/')[-1 if route.verb == 'POST' else -2]
    return _new(noun, ids) if route.verb == 'POST' else _changed(noun)


def _new(noun: str, ids: Ids) -> Any:
    ends = {
        'origin_endpoint_id': ids['endpoint_id'],
        'destination_endpoint_id': ids['destination_id'],
        'instances': ['vm1'],
    }
    of_replica = {'replica_id': ids['replica_id']}
    return {
        'deployments': {'deployment': {'transfer_id': ids['transfer_id']}},
        'plan': {'deployment': {'transfer_id': ids['transfer_id']}},
        'executions': {'execution': {}},
        'schedules': {'schedule': {'hour': 3}},
        'transfers': {'transfer': ends},
        'replicas': {'replica': ends},
        'migrations': {'migration': of_replica},
        'minion_pools': {
            'minion_pool': {
                'name': 'workers',
                'endpoint_id': ids['destination_id'],
                'os_type': 'linux',
                'platform': 'destination',
                'environment_options': {},
                'skip_allocation': True,
            }
        },
    }.get(noun, {})


def _changed(noun: str) -> Any:
    return {
        'endpoints': {'endpoint': {'description': 'mine'}},
        'transfers': {'transfer': {'notes': 'mine'}},
        'replicas': {'replica': {'notes': 'mine'}},
        'schedules': {'schedule': {'hour': 5}},
        'minion_pools': {'minion_pool': {'notes': 'mine'}},
    }.get(noun, {})
