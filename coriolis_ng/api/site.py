# SPDX-License-Identifier: Apache-2.0
"""What the controllers need from outside, handed in with each request.

It is not kept in controllers: pecan walks their attributes by the words of
a URL.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from coriolis_ng.api.feed import Feed
from coriolis_ng.db.session import Database
from coriolis_ng.policy import Enforcer

if TYPE_CHECKING:
    # Importing it also imports the bus, which nothing else here needs.
    from coriolis_ng.rpc.conductor import ApiHalf

ENVIRON = 'coriolis.site'
# A body that goes on: pecan reads to the end whatever it is given.
STREAM = 'coriolis.stream'
# Whether the client has hung up, where the server can tell: a callable.
GONE = 'coriolis.gone'
# What was asked for (method.Route), for who tells of it.
ROUTE = 'coriolis.route'


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """Rows, commands, rules and the stream of events."""

    database: Database
    conductor: ApiHalf
    enforcer: Enforcer
    feed: Feed
