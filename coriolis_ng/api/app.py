# SPDX-License-Identifier: Apache-2.0
"""The WSGI application: the chain of filters, in one visible list."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pecan
import webob
import webob.dec
from oslo_config import cfg
from oslo_middleware import http_proxy_to_wsgi, request_id, tracing

from coriolis_ng import errors
from coriolis_ng.api import faults, intake
from coriolis_ng.api.healthcheck import Healthcheck
from coriolis_ng.api.site import ENVIRON, STREAM, Site
from coriolis_ng.api.telling import Telling
from coriolis_ng.api.v1 import root
from coriolis_ng.auth import Auth, WsgiApp
from coriolis_ng.context import Context

LOG = logging.getLogger(__name__)


def make_app(
    site: Site, auth: Auth, conf: cfg.ConfigOpts | None = None
) -> WsgiApp:
    """The whole application; ``conf`` has the groups of oslo.middleware,
    None means their defaults. The list runs from the inside out: the last
    filter sees a request first."""
    app: WsgiApp = pecan.make_app(
        root.Root(),
        guess_content_type_from_ext=False,
        debug=False,
    )
    filters: list[Callable[[WsgiApp], WsgiApp]] = [
        lambda inner: _Handed(inner, site),
        intake.Intake,
        Faults,
        lambda inner: _traced(inner, conf),
        Identity,
        auth.wrap,
        Faults,
        lambda inner: Healthcheck(inner, site, conf),
        Telling,
        RequestId,
    ]
    if conf is not None:
        # Behind a proxy: whom a request came from, where that is trusted.
        filters.append(
            lambda inner: http_proxy_to_wsgi.HTTPProxyToWSGI(inner, conf)
        )
    for one in filters:
        app = one(app)
    return app


def _traced(application: WsgiApp, conf: cfg.ConfigOpts | None) -> WsgiApp:
    """A span of OpenTelemetry for each request, where it is asked for."""
    if conf is None:
        return application
    conf.register_opts(tracing.TRACING_OPTS, group='oslo_middleware_tracing')
    if not conf.oslo_middleware_tracing.enabled:
        return application
    traced: WsgiApp = tracing.TracingMiddleware(application, conf)
    return traced


class RequestId(request_id.RequestId):
    """A new id for each request, also by the name that clients know."""

    compat_headers = ['x-compute-request-id']


class Identity:
    """The caller as a :class:`Context`; nothing is refused here, because
    version documents are for everybody."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        environ = request.environ
        if environ.get('HTTP_X_IDENTITY_STATUS') == 'Confirmed':
            known = Context.from_environ(
                environ,
                request_id=environ.get(request_id.ENV_REQUEST_ID),
            )
            environ['coriolis.context'] = known
            environ['oslo.context'] = known  # for oslo.middleware's tracing
        return request.get_response(self._application)


class Faults:
    """Whatever goes wrong inside becomes the envelope of ``faults``."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        asked = request.environ.get(request_id.ENV_REQUEST_ID)
        try:
            answer = request.get_response(self._application)
        except errors.CoriolisError as error:
            return _told(error, asked)
        except UnicodeDecodeError:
            return faults.response(
                400, 'Malformed request url', 'bad_url', request_id=asked
            )
        except Exception:
            LOG.exception('unexpected error, request=%s', asked)
            return faults.response(
                500,
                f'An unexpected error occurred; the log has it under {asked}.',
                'internal',
                request_id=asked,
            )
        return _enveloped(answer, asked)


def _told(error: errors.CoriolisError, asked: str | None) -> webob.Response:
    status = faults.status_of(error)
    if status >= 500:
        LOG.warning(
            '%s: %s, request=%s', error.code, error.detail or error, asked
        )
    message = error.message
    if status == 500:
        message = f'The request failed; the log has it under {asked}.'
    return faults.response(
        status,
        message,
        error.code,
        field=getattr(error, 'field', ''),
        request_id=asked,
    )


def _enveloped(answer: webob.Response, asked: str | None) -> webob.Response:
    """What pecan (or a filter) refused by itself, in our form."""
    if answer.status_int < 400 or answer.content_type == 'application/json':
        return answer
    # The known system answers 404 to a verb that a resource does not have,
    # and clients were written against that.
    status = 404 if answer.status_int == 405 else answer.status_int
    message = (
        'The resource could not be found.'
        if status == 404
        else 'The request was refused.'
    )
    told = faults.response(
        status,
        message,
        'no_route' if status == 404 else 'refused',
        request_id=asked,
    )
    if 'WWW-Authenticate' in answer.headers:
        told.headers['WWW-Authenticate'] = answer.headers['WWW-Authenticate']
    return told


class _Handed:
    """The last step before pecan: hands in what the controllers need."""

    def __init__(self, application: WsgiApp, site: Site) -> None:
        self._application = application
        self._site = site

    @webob.dec.wsgify
    def __call__(self, request: webob.Request) -> webob.Response:
        environ = request.environ
        environ[ENVIRON] = self._site
        # For pecan there is JSON and nothing else.
        environ['HTTP_ACCEPT'] = '*/*'
        verb = environ['REQUEST_METHOD']
        if verb == 'HEAD':
            # A GET whose body nobody reads; webob leaves that out, further
            # out. pecan looks for methods of this name and finds none.
            environ['REQUEST_METHOD'] = 'GET'
        try:
            answer = request.get_response(self._application)
        finally:
            environ['REQUEST_METHOD'] = verb
        if stream := environ.pop(STREAM, None):
            answer.app_iter = stream
        return answer
