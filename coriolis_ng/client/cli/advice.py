# SPDX-License-Identifier: Apache-2.0
"""Errors as a user reads them: what happened, and what can be done."""

from __future__ import annotations

from coriolis_ng.client import errors

_ENDPOINT = (
    'Is the endpoint right? It looks like http://HOST:7667/v1/PROJECT, with '
    'the project of your token.'
)
_BY_MESSAGE = {
    'Malformed request url': _ENDPOINT,
    'The resource could not be found.': _ENDPOINT,
}
_BY_CODE = {
    'no_worker': 'See "{} service list": is a worker UP and enabled?',
    'no_token': 'coriolis-allinone says at its start where the file is.',
}
_BY_KIND: dict[type[errors.ApiError], str] = {
    errors.Unauthorized: 'Log in anew: look at --token-file, or at OS_AUTH_URL'
    ' and its friends (openstack token issue shows whether they work).',
    errors.ServerError: 'The fault is at the side of the service.',
    # A service that answers 503 is there; only silence is about addresses.
    errors.Unreachable: 'Does it run, and is the address right? See '
    '--endpoint, or OS_AUTH_URL, OS_REGION_NAME and OS_INTERFACE.',
}


def told(error: errors.ApiError, program: str) -> str:
    """The error with a line of advice where there is any."""
    lines = [str(error)]
    advice = (
        _BY_MESSAGE.get(error.message)
        or _BY_CODE.get(error.code)
        or _BY_KIND.get(type(error))
    )
    if advice:
        lines.append(advice.format(program))
    if isinstance(error, errors.ServerError) and error.request_id:
        lines.append(f'An operator finds it in the log by {error.request_id}.')
    return spelled('\n'.join(lines))


def spelled(text: str) -> str:
    """What is a migration by its old name is so only once."""
    return text.replace('openstack migration migration', 'openstack migration')
