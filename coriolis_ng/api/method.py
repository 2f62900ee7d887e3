# SPDX-License-Identifier: Apache-2.0
"""The one decorator of REST: route, policy, request, response, status.

What it collects in :data:`TABLE` is all that the OpenAPI document, the policy
test and the response checker are made of.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import pecan
import webob
from pecan import rest

from coriolis_ng import errors
from coriolis_ng.api import faults, intake
from coriolis_ng.api.schemas.decode import decode_body, decode_query
from coriolis_ng.api.site import ENVIRON, ROUTE, Site
from coriolis_ng.context import Context

V = TypeVar('V', int, str)

PROJECT = '/v1/{project_id}'
JSON = 'application/json'
# What If-Match may be given to.
CHANGES = frozenset({'PUT', 'PATCH', 'DELETE'})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked for. ``rule`` is None for what is
    public; ``action`` is the key of the body of ``POST .../actions``;
    ``stream`` is another type of content that can be asked for; ``tagged``
    says that the thing has an ETag: answers show it, and its PUT and its
    DELETE look at ``If-Match`` themselves."""

    verb: str
    path: str
    rule: str | None
    summary: str
    query: Any = None
    body: Any = None
    answer: Any = None
    status: int = 200
    action: str | None = None
    body_required: bool = True
    media: str = JSON
    stream: str | None = None
    tagged: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """What a controller's method is given beside the ids of its URL."""

    site: Site
    context: Context
    body: Any = None
    query: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    accept: str = ''

    @property
    def project_id(self) -> str:
        """The caller's project; always the one of the URL."""
        return str(self.context.project_id)

    def rpc(self) -> dict[str, Any]:
        """Who asks, for the conductor."""
        return self.context.to_rpc()

    def wants(self, kind: str) -> bool:
        """Whether the caller named this type of content."""
        return kind in self.accept.lower()

    def bound_to(self, version: V) -> V | None:
        """The version that a change is bound to, None for any; raises
        ``PreconditionFailed`` when ``If-Match`` does not name it."""
        given = self.headers.get('If-Match')
        if given is None or given.strip() == '*':
            return None
        if etag(version) not in [one.strip() for one in given.split(',')]:
            raise errors.PreconditionFailed(
                'It was changed since it was read: read it again.'
            )
        return version

    def check(self, rule: str) -> None:
        """Raises ``Forbidden``; for a rule that depends on the body."""
        self.site.enforcer.check(self.context, rule)


@dataclasses.dataclass(frozen=True, slots=True)
class Tagged:
    """An answer and the version of what it shows."""

    answer: Any
    version: int | str


def etag(version: int | str) -> str:
    """Of what users can change; what happens to it by itself, such as the
    state of its last execution, does not make another one."""
    return f'"{version}"'


TABLE: list[Route] = []


def method(
    route: str,
    rule: str | None,
    *,
    query: Any = None,
    body: Any = None,
    answer: Any = None,
    status: int = 200,
    media: str = JSON,
    stream: str | None = None,
    tagged: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Exposes a controller's method as ``route`` (``GET /transfers``, below
    ``/v1/{project_id}`` unless ``rule`` is None).

    ``query``, ``body`` and ``answer`` are msgspec types. The method gets the
    ids of the URL and, by keyword, a :class:`Call`; it returns a value of
    ``answer``, or None with status 204. With another ``media`` it returns
    the text of that, which who accepts JSON alone gets as a JSON string.
    Where ``tagged``, the value is inside a :class:`Tagged`; where ``stream``
    was asked for, it is a response.
    """

    def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
        declared = _route(
            route,
            rule,
            f,
            query=query,
            body=body,
            answer=answer,
            status=status,
            media=media,
            stream=stream,
            tagged=tagged,
        )
        TABLE.append(declared)
        count = 0 if rule is None else len(_ids_of(declared))

        # No argument may be called self: pecan then looks into ``f`` for
        # the ids that the URL must give.
        @functools.wraps(f)
        def run(*ids: str) -> webob.Response:
            if len(ids) != count + 1:
                pecan.abort(404)
            call = _decoded(declared, _authorized(declared))
            if declared.verb in CHANGES and not declared.tagged:
                _unbound(call)
            return _answered(declared, f(*ids, call=call))

        run.__dict__.pop('__wrapped__', None)
        return pecan.expose(content_type='application/json')(run)

    return wrap


def _unbound(call: Call) -> None:
    """What has no ETag is never the one that was read."""
    given = call.headers.get('If-Match')
    if given is not None and given.strip() != '*':
        raise errors.PreconditionFailed(
            'This has no ETag: leave out If-Match.'
        )


def _decoded(declared: Route, call: Call) -> Call:
    """With what the request gave besides the ids of its URL."""
    environ = pecan.request.environ
    if declared.query is not None:
        given = _query(environ)
        call = dataclasses.replace(
            call, query=decode_query(declared.query, given)
        )
    if declared.body is not None:
        call = dataclasses.replace(
            call, body=decode_body(declared.body, environ[intake.BODY])
        )
    return call


def action(
    route: str,
    key: str,
    rule: str,
    *,
    body: Any = None,
    answer: Any = None,
    status: int = 200,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a method of :class:`Actions` as what ``{key: ...}`` asks
    for; ``body`` is the type of the key's value, None where it is ignored."""

    def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
        declared = _route(
            route,
            rule,
            f,
            body=body,
            answer=answer,
            status=status,
            action=key,
        )
        TABLE.append(declared)
        f.__dict__['route'] = declared
        return f

    return wrap


class Controller(rest.RestController):
    """The base of all controllers."""

    def _lookup_child(self, remainder: str) -> Any:
        # pecan asks for whatever a URL names, ``__class__`` too.
        found = getattr(self, remainder, None)
        if isinstance(found, rest.RestController) or (
            getattr(found, 'exposed', False) is True
        ):
            return found
        return None


class Actions(Controller):
    """``POST .../actions``: a body of exactly one key says what to do."""

    def __init_subclass__(cls) -> None:
        cls.known = {
            f.route.action: f
            for f in vars(cls).values()
            if hasattr(f, 'route')
        }

    known: Mapping[str, Callable[..., Any]] = {}

    @pecan.expose(content_type='application/json')
    def post(self, *ids: str) -> webob.Response:
        """Finds the action and runs it like a method of its own."""
        routes = [vars(f)['route'] for f in self.known.values()]
        if len(ids) != len(_ids_of(routes[0])):
            pecan.abort(404)
        context()
        asked = decode_body(dict[str, Any], pecan.request.environ[intake.BODY])
        if len(asked) != 1:
            raise errors.InvalidInput(
                'Malformed request body: it must hold exactly one action.',
                field='$',
            )
        ((key, given),) = asked.items()
        f = self.known.get(key)
        if f is None:
            raise errors.InvalidInput(
                f'There is no such action: {key}', field=f'$.{key}'
            )
        declared: Route = vars(f)['route']
        call = _authorized(declared)
        if declared.body is not None:
            body = {} if given is None else given
            call = dataclasses.replace(
                call,
                body=decode_body(declared.body, body, field=f'$.{key}'),
            )
        return _answered(declared, f(self, *ids, call=call))


@contextlib.contextmanager
def fields_of(place: str) -> Iterator[None]:
    """What a command finds wrong with a value, as fields of the body that
    the value came from: ``$.name`` becomes ``$.endpoint.name``."""
    try:
        yield
    except errors.InvalidInput as error:
        if error.field.startswith('$'):
            error.field = place + error.field.removeprefix('$')
        raise


def context() -> Context:
    """The caller; raises ``Unauthorized`` when nobody is known."""
    found = pecan.request.environ.get('coriolis.context')
    if found is None or not found.project_id:
        raise faults.Unauthorized('The request needs authentication.')
    return found


def _authorized(route: Route) -> Call:
    environ = pecan.request.environ
    if environ['REQUEST_METHOD'] != route.verb:
        pecan.abort(404)
    environ[ROUTE] = route
    site: Site = environ[ENVIRON]
    if route.rule is None:
        return Call(site, Context())
    caller = context()
    site.enforcer.check(caller, route.rule)
    return Call(
        site,
        caller,
        headers=pecan.request.headers,
        accept=environ.get(intake.ACCEPT, ''),
    )


def _query(environ: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        return urllib.parse.parse_qs(
            environ[intake.QUERY],
            keep_blank_values=True,
            errors='strict',
            max_num_fields=100,
        )
    except ValueError:
        raise errors.InvalidInput('Malformed request url') from None


def _answered(route: Route, value: Any) -> webob.Response:
    if route.answer is None:
        return webob.Response(status=route.status, content_type=None)
    if isinstance(value, webob.Response):
        return value
    if route.media != JSON and _takes(route.media):
        return webob.Response(
            text=value,
            status=route.status,
            content_type=route.media,
            charset='utf-8',
        )
    shown = value.answer if isinstance(value, Tagged) else value
    body: Any = msgspec.json.encode(shown)
    answer = webob.Response(
        body=body, status=route.status, content_type='application/json'
    )
    if isinstance(value, Tagged):
        answer.headers['ETag'] = etag(value.version)
    return answer


def _takes(media: str) -> bool:
    """Whether the caller can have it: who names JSON and not this cannot."""
    accepted = str(pecan.request.environ.get(intake.ACCEPT, ''))
    return media in accepted or JSON not in accepted


def _route(
    route: str, rule: str | None, f: Callable[..., Any], **rest_: Any
) -> Route:
    verb, path = route.split(' ', 1)
    return Route(
        verb=verb,
        path=path if rule is None else PROJECT + path,
        rule=rule,
        summary=' '.join((f.__doc__ or '').split()),
        **rest_,
    )


def _ids_of(route: Route) -> list[str]:
    below = route.path.removeprefix(PROJECT)
    return [part for part in below.split('/') if part.startswith('{')]
