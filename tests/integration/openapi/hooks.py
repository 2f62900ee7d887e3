# SPDX-License-Identifier: Apache-2.0
"""Lets schemathesis ask for things that exist, about every other time.

Loaded by schemathesis (``SCHEMATHESIS_HOOKS``); ``KNOWN_IDS`` names a file of
ids by the parameter that takes them.
"""

from __future__ import annotations

import json
import os
import pathlib
import zlib
from typing import Any

import schemathesis

KNOWN = json.loads(pathlib.Path(os.environ['KNOWN_IDS']).read_text())


def known(name: str, value: Any) -> Any:
    """One that exists, or what was generated, as the value itself says: a
    run with the same seed asks the same."""
    ids = KNOWN.get(name)
    number = zlib.crc32(repr(value).encode())
    return ids[number // 2 % len(ids)] if ids and number % 2 else value


@schemathesis.hook
def map_path_parameters(
    context: Any, path_parameters: dict[str, Any]
) -> dict[str, Any]:
    """The project is that of the token."""
    if not path_parameters:
        return path_parameters
    made = {name: known(name, one) for name, one in path_parameters.items()}
    if 'project_id' in made:
        made['project_id'] = KNOWN['project_id'][0]
    return made


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """At any depth. Nobody switches off the worker that has to answer."""
    if isinstance(body, dict):
        made = {
            name: known(name, map_body(context, one))
            for name, one in body.items()
        }
        service = made.get('service')
        if isinstance(service, dict) and service.get('enabled') is False:
            service['enabled'] = True
        return made
    return body
