# SPDX-License-Identifier: Apache-2.0
"""The conductor's process: RPC endpoints and what is done periodically.

Endpoints only unpack, call and pack; what they do is in the other files.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_db import exception

from coriolis_ng import errors, host, version
from coriolis_ng.conductor import (
    assign,
    beats,
    custody,
    deployments,
    endpoints,
    executions,
    finish,
    forecasts,
    points,
    preflight,
    queries,
    quotas,
    strays,
    transfers,
    vault,
)
from coriolis_ng.conductor.asking import asker
from coriolis_ng.conductor.duties import Duties, standard
from coriolis_ng.conductor.parts import Parts
from coriolis_ng.conductor.resources import ForResources
from coriolis_ng.db import api as db
from coriolis_ng.db.errors import Away, Changed
from coriolis_ng.objects import from_plain, new_id
from coriolis_ng.objects.deployment import DeploymentSpec
from coriolis_ng.objects.endpoint import EndpointSpec
from coriolis_ng.objects.execution import ExecutionSpec
from coriolis_ng.objects.resource import Resource, ResourceKind
from coriolis_ng.objects.transfer import TransferSpec
from coriolis_ng.rpc import sealing, serializer
from coriolis_ng.rpc import transport as bus
from coriolis_ng.rpc.shares import Shares
from coriolis_ng.rpc.wire import Beat, Result

LOG = logging.getLogger(__name__)

Plain = dict[str, Any]

# What says nothing about the call: a caller may try again.
TRANSIENT = (exception.DBDeadlock, exception.RetryRequest)
Context = dict[str, Any]


def answers(method: Callable[..., Any]) -> Callable[..., Plain]:
    """Makes what a method returns, or raises, an answer on the wire."""

    @functools.wraps(method)
    def answer(self: Any, context: Context, **args: Any) -> Plain:
        try:
            context, args = sealing.unsealed(
                self._parts.key.open, context, args
            )
            return serializer.pack(method(self, context, **args))
        except Changed as error:
            # Before our other errors, because it is a Stale: a worker that
            # was told so would throw its result away.
            LOG.warning('%s lost every race: %s', method.__name__, error)
            return serializer.pack_error(
                errors.Unreachable('Others were faster each time; try again.')
            )
        except Away as error:
            # It was said once; every caller tries again every second.
            LOG.debug('%s: %s', method.__name__, error.message)
            return serializer.pack_error(error)
        except errors.CoriolisError as error:
            LOG.info(
                '%s request=%s: %s %s %s',
                method.__name__,
                context.get('request_id', ''),
                error.code,
                error.message,
                error.detail,
            )
            return serializer.pack_error(error)
        except TRANSIENT as error:
            LOG.warning('%s could not be done now: %s', method.__name__, error)
            return serializer.pack_error(
                errors.Unreachable('The database is busy; try again.')
            )
        except Exception:
            # Whoever called waits for an answer, and a thread of the server
            # must not end; the log has what went wrong.
            LOG.exception('%s failed', method.__name__)
            return serializer.pack_error(
                errors.CoriolisError('Internal error of the conductor.')
            )

    return answer


def guarded(what: str, work: Callable[[], object]) -> None:
    """Does it; whatever it raises is told to the log, so that what comes
    after it is done too."""
    try:
        work()
    except Away as error:
        LOG.debug('looking after %s: %s', what, error.message)
    except Exception:
        LOG.exception('looking after %s failed', what)


def answering(kind: type[Any]) -> type[Any]:
    """A class whose methods are all :func:`answers`."""
    methods = {
        name: answers(method)
        for name, method in vars(kind).items()
        # A Target can be called too.
        if inspect.isfunction(method) and not name.startswith('_')
    }
    return type(kind.__name__, (kind,), methods)


class ForWorkers:
    """What workers call."""

    target = oslo_messaging.Target(version=bus.VERSION)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers
    def take(
        self,
        context: Context,
        task_id: str,
        attempt: int,
        host_name: str,
        incarnation: str,
    ) -> Any:
        return assign.take(
            self._parts, task_id, attempt, host_name, incarnation
        )

    @answers
    def beat(self, context: Context, beat: Plain) -> Any:
        return beats.beat(self._parts, from_plain(Beat, beat))

    @answers
    def finish(
        self, context: Context, task_id: str, attempt: int, result: Plain
    ) -> None:
        given = from_plain(Result, result)
        finish.finish(self._parts, task_id, attempt, given)

    @answers
    def created(
        self, context: Context, task_id: str, attempt: int, resource: Plain
    ) -> None:
        made = from_plain(Resource, resource)
        vault.created(self._parts, task_id, attempt, made)

    @answers
    def dropped(
        self, context: Context, task_id: str, attempt: int, kind: str, id: str
    ) -> None:
        vault.dropped(self._parts, task_id, attempt, ResourceKind(kind), id)

    @answers
    def secret_get(
        self, context: Context, ref: str, task_id: str, attempt: int
    ) -> str:
        return vault.secret_get(self._parts, ref, task_id, attempt)

    @answers
    def secret_put(
        self, context: Context, task_id: str, attempt: int, sealed: str
    ) -> str:
        return vault.secret_put(self._parts, task_id, attempt, sealed)

    @answers
    def secret_drop(
        self, context: Context, ref: str, task_id: str, attempt: int
    ) -> None:
        vault.secret_drop(self._parts, ref, task_id, attempt)


class ForUsers:
    """What the API calls."""

    target = oslo_messaging.Target(version=bus.VERSION)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers
    def seal_key(self, context: Context) -> str:
        return self._parts.key.public

    @answers
    def endpoint_create(self, context: Context, spec: Plain) -> Any:
        given = from_plain(EndpointSpec, spec)
        return endpoints.create(self._parts, asker(context), given)

    @answers
    def endpoint_update(
        self,
        context: Context,
        id: str,
        changes: Plain,
        version: int | None = None,
    ) -> Any:
        who = asker(context)
        return endpoints.update(self._parts, who, id, changes, version)

    @answers
    def endpoint_delete(self, context: Context, id: str) -> None:
        endpoints.delete(self._parts, asker(context), id)

    @answers
    def transfer_create(self, context: Context, spec: Plain) -> Any:
        given = from_plain(TransferSpec, spec)
        return custody.transfer_create(self._parts, asker(context), given)

    @answers
    def transfer_update(
        self,
        context: Context,
        id: str,
        changes: Plain,
        version: int | None = None,
    ) -> Any:
        who = asker(context)
        return custody.transfer_update(self._parts, who, id, changes, version)

    @answers
    def transfer_delete(
        self, context: Context, id: str, with_disks: bool = False
    ) -> None:
        custody.transfer_delete(
            self._parts, asker(context), id, with_disks=with_disks
        )

    @answers
    def transfer_delete_disks(self, context: Context, id: str) -> Any:
        return transfers.delete_disks(self._parts, asker(context), id)

    @answers
    def execution_create(
        self, context: Context, transfer_id: str, spec: Plain
    ) -> Any:
        given = from_plain(ExecutionSpec, spec)
        return executions.create(
            self._parts, asker(context), transfer_id, given
        )

    @answers
    def execution_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        executions.cancel(self._parts, asker(context), id, force=force)

    @answers
    def execution_delete(self, context: Context, id: str) -> None:
        executions.delete(self._parts, asker(context), id)

    @answers
    def deployment_create(self, context: Context, spec: Plain) -> Any:
        given = from_plain(DeploymentSpec, spec)
        return custody.deployment_create(self._parts, asker(context), given)

    @answers
    def deployment_cancel(
        self, context: Context, id: str, force: bool = False
    ) -> None:
        deployments.cancel(self._parts, asker(context), id, force=force)

    @answers
    def deployment_delete(self, context: Context, id: str) -> None:
        custody.deployment_delete(self._parts, asker(context), id)

    @answers
    def recovery_point_delete(self, context: Context, id: str) -> Any:
        return points.delete(self._parts, asker(context), id)

    @answers
    def recovery_point_pin(
        self, context: Context, id: str, pinned: bool
    ) -> Any:
        return points.pin(self._parts, asker(context), id, pinned)


_ForResources = answering(ForResources)


class ForQuestions:
    """What takes seconds, on threads of its own. ``asked`` keeps what only
    looks at clouds from taking all of them."""

    target = oslo_messaging.Target(version=bus.VERSION)

    def __init__(self, parts: Parts, asked: Shares) -> None:
        self._parts = parts
        self._asked = asked

    @answers
    def endpoint_query(
        self, context: Context, id: str, verb: str, args: Plain
    ) -> Any:
        who = asker(context)
        with self._asked.asking(who.project_id):
            return queries.ask_endpoint(self._parts, who, id, verb, args)

    @answers
    def deployment_create(self, context: Context, spec: Plain) -> Any:
        given = from_plain(DeploymentSpec, spec)
        return custody.deployment_create(self._parts, asker(context), given)

    @answers
    def quota_show(self, context: Context, project_id: str) -> Any:
        return list(quotas.show(self._parts, project_id))

    @answers
    def quota_update(
        self,
        context: Context,
        project_id: str,
        limits: Plain,
        seen: str | None = None,
    ) -> Any:
        return list(quotas.update(self._parts, project_id, limits, seen))

    @answers
    def transfer_plan(self, context: Context, id: str, spec: Plain) -> Any:
        given = from_plain(ExecutionSpec, spec)
        who = asker(context)
        with self._asked.asking(who.project_id):
            return forecasts.of_transfer(self._parts, who, id, given)

    @answers
    def deployment_plan(self, context: Context, spec: Plain) -> Any:
        given = from_plain(DeploymentSpec, spec)
        return forecasts.of_deployment(self._parts, asker(context), given)

    @answers
    def transfer_preflight(self, context: Context, id: str) -> Any:
        who = asker(context)
        with self._asked.asking(who.project_id):
            return list(preflight.check(self._parts, who, id))

    @answers
    def stray_remove(
        self, context: Context, id: str, forget: bool = False
    ) -> None:
        strays.remove(self._parts, asker(context), id, forget=forget)


class ConductorService:
    """Everything a conductor runs: two RPC servers and its duties."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        parts: Parts,
        host: str,
        *,
        incarnation: str = '',
        threads: int = 16,
        question_threads: int = 12,
        project_questions: int = 6,
    ) -> None:
        self._transport = transport
        self._parts = parts
        self._host = host
        self._incarnation = incarnation or new_id()
        self._threads = threads
        self._question_threads = question_threads
        # Final deployments, quotas and strays do not wait for those.
        most = max(1, question_threads - 2)
        self._asked = Shares(most, project_questions)
        self._servers: list[oslo_messaging.MessageHandlingServer] = []
        self._duties = Duties(standard(parts, self._tell, guarded), guarded)

    def start(self) -> None:
        """Begins to answer and to look after executions."""
        parts = self._parts
        parts.moves.start(guarded)
        for topic, served, threads in (
            (
                bus.CONDUCTOR,
                [ForUsers(parts), _ForResources(parts), ForWorkers(parts)],
                self._threads,
            ),
            (
                bus.QUERIES,
                [ForQuestions(parts, self._asked)],
                self._question_threads,
            ),
        ):
            self._servers.append(
                bus.serve(
                    self._transport, topic, self._host, served, threads=threads
                )
            )
        self._duties.start()

    def stop(self) -> None:
        """Ends after the calls that are under way."""
        self._duties.stop()
        for server in self._servers:
            server.stop()
        for server in self._servers:
            server.wait()
        self._parts.moves.stop()
        self._duties.wait()

    def _tell(self) -> None:
        """Operators see the conductor in the list of services."""
        self._parts.database.write(
            lambda s: db.services.present(
                s,
                self._host,
                'coriolis-conductor',
                topic=bus.CONDUCTOR,
                incarnation=self._incarnation,
                release=version.release(),
                facts=host.facts(),
            )
        )
