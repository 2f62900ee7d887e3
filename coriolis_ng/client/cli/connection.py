# SPDX-License-Identifier: Apache-2.0
"""Access to a cloud as a user gives it, without a secret in the arguments."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from coriolis_ng.client import ApiError, Client
from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.arguments import (
    JSON,
    json_argument,
    json_file,
)


def options(parser: argparse.ArgumentParser) -> None:
    """Four ways to give it; without one of them it is asked for."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--connection-file',
        type=json_file,
        dest='connection',
        metavar='FILE',
        help='JSON with the connection information; - for standard input',
    )
    group.add_argument(
        '--connection',
        type=json_argument,
        metavar=JSON,
        help='the same as an argument; others on this machine can see it '
        'while the command runs, so keep passwords out of it',
    )
    group.add_argument(
        '--connection-secret',
        metavar='URL',
        help='a Barbican secret that holds the JSON',
    )
    group.add_argument(
        '--connection-prompt',
        action='store_true',
        help='ask for it; passwords are not shown',
    )


def info(given: argparse.Namespace) -> Json | None:
    """What was given; None when nothing was, or when it is to be asked."""
    if given.connection_secret:
        return {'secret_ref': given.connection_secret}
    found: Json | None = given.connection
    return found


def asked(client: Client, provider: str) -> Json:
    """Asks for what the provider wants to know, on the terminal."""
    if not sys.stdin.isatty():
        raise ApiError(
            'Say how to reach the cloud: --connection-file FILE (- for '
            'standard input) or --connection-secret URL; on a terminal it '
            'can be asked for.',
            code='no_connection',
        )
    schema = client.providers.schema(provider, 'connection')
    required = schema.get('required', ())
    sys.stderr.write(
        f'How to reach this cloud ({provider}); nothing leaves out what is '
        'optional.\n'
    )
    found: Json = {}
    for name, one in schema.get('properties', {}).items():
        value = _answer(name, one, name in required)
        if value is not None:
            found[name] = value
    return found


def _answer(name: str, one: Json, required: bool) -> Any:
    label = one.get('title') or name
    more = [] if required else ['optional']
    if 'enum' in one:
        more.append(', '.join(map(str, one['enum'])))
    elif 'default' in one:
        more.append(f'without: {one["default"]}')
    told = f'{label} ({"; ".join(more)}): ' if more else f'{label}: '
    secret = one.get('writeOnly') or one.get('format') == 'password'
    while True:
        text = getpass.getpass(told) if secret else _line(told)
        if not text:
            if not required:
                return None
            sys.stderr.write('It is needed.\n')
            continue
        try:
            return _typed(text, str(one.get('type', 'string')))
        except ValueError as error:
            sys.stderr.write(f'{error}\n')


def _line(told: str) -> str:
    sys.stderr.write(told)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise ApiError('Nothing more was said.', code='no_connection')
    return line.strip()


def _typed(text: str, kind: str) -> Any:
    if kind == 'integer':
        try:
            return int(text)
        except ValueError:
            raise ValueError('A number is wanted.') from None
    if kind == 'boolean':
        words = {'yes': True, 'true': True, 'no': False, 'false': False}
        if text.lower() not in words:
            raise ValueError('Say yes or no.')
        return words[text.lower()]
    return text
