# SPDX-License-Identifier: Apache-2.0
"""Errors as a user reads them: what happened, and what can be done."""

from __future__ import annotations

from coriolis_ng.client import errors

_BY_CODE = {
    'no_worker': 'See "{0} service list": is a worker UP and enabled?',
    'unreachable': 'See --endpoint or the catalog (OS_REGION_NAME, '
    'OS_INTERFACE), and "systemctl status" on the server.',
    'no_token': 'coriolis-allinone says at its start where the file is.',
}
_BY_KIND: dict[type[errors.ApiError], str] = {
    errors.Unauthorized: 'Log in anew: look at --token-file, or at OS_AUTH_URL'
    ' and its friends (openstack token issue shows whether they work).',
    errors.Forbidden: '',
    errors.ServerError: 'The fault is at the side of the service.',
}


def told(error: errors.ApiError, program: str) -> str:
    """The error with a line of advice where there is any."""
    lines = [str(error)]
    advice = _advice(error)
    if advice:
        lines.append(advice.format(program))
    if isinstance(error, errors.ServerError) and error.request_id:
        lines.append(f'An operator finds it in the log by {error.request_id}.')
    return '\n'.join(lines)


def _advice(error: errors.ApiError) -> str:
    # A service that answers 503 is there; only silence is about addresses.
    code = error.code
    if code == 'unreachable' and not isinstance(error, errors.Unreachable):
        code = ''
    if code in _BY_CODE:
        return _BY_CODE[code]
    if type(error) in _BY_KIND:
        return _BY_KIND[type(error)]
    return ''
