# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry, as far as oslo.middleware and oslo.messaging have it.

oslo.messaging (18.3.1) takes what oslo.middleware has begun and cannot begin
by itself: it looks for a module that it has not imported. So oslo.middleware
begins in each process, also in those without any middleware.
"""

from __future__ import annotations

from oslo_config import cfg
from oslo_middleware import tracing

from coriolis_ng import errors


def register(conf: cfg.ConfigOpts, prog: str) -> None:
    """Makes ``[oslo_middleware_tracing]`` known."""
    tracing.set_defaults(service_name=prog)
    conf.register_opts(tracing.TRACING_OPTS, group='oslo_middleware_tracing')


def setup(conf: cfg.ConfigOpts) -> None:
    """Begins where it is wanted; ``InvalidInput`` where OpenTelemetry is
    not installed."""
    try:
        tracing.init_tracing(conf)
    except RuntimeError as error:
        raise errors.InvalidInput(
            str(error), field='[oslo_middleware_tracing] enabled'
        ) from None
