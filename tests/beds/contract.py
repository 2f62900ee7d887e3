# SPDX-License-Identifier: Apache-2.0
"""What two releases that run together must agree on, as plain words: run it
with either release in Python's path, ``python -m tests.beds.contract``."""

import importlib
import inspect
import json
import pkgutil
import sys
from typing import Any

import msgspec

Plain = dict[str, Any]


def fields(kind: type) -> Plain:
    """Whether each field must be there, by name."""
    return {
        one.encode_name: one.required for one in msgspec.structs.fields(kind)
    }


def parameters(method: Any) -> Plain:
    """Whether each argument of a call must be there, by name."""
    found = inspect.signature(method).parameters.values()
    return {
        one.name: one.default is one.empty
        for one in found
        if one.name not in ('self', 'context')
    }


def values() -> Plain:
    """Everything that crosses the bus or stands in rows."""
    import coriolis_ng.objects
    from coriolis_ng.objects import Value
    from coriolis_ng.rpc import wire

    modules = [
        importlib.import_module(f'coriolis_ng.objects.{one.name}')
        for one in pkgutil.iter_modules(coriolis_ng.objects.__path__)
    ]
    return {
        f'{kind.__module__}.{kind.__name__}': fields(kind)
        for module in [*modules, wire]
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Value)
        and kind is not Value
    }


def calls() -> Plain:
    """What each topic answers, with its arguments."""
    from coriolis_ng.conductor import service
    from coriolis_ng.worker.service import Endpoint

    served = {
        'conductor': (
            service.ForWorkers,
            service.ForUsers,
            service._ForResources,
        ),
        'queries': (service.ForQuestions,),
        'worker': (Endpoint,),
    }
    return {
        f'{topic}.{name}': parameters(method)
        for topic, kinds in served.items()
        for kind in kinds
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith('_')
    }


def tasks() -> Plain:
    """Each kind of task, with what it is given and gives."""
    from coriolis_ng.tasks import TASKS

    return {
        name: {
            'version': kind.version,
            'input': fields(kind.Input),
            'output': fields(kind.Output),
        }
        for name, kind in TASKS.items()
    }


def enums() -> Plain:
    """The words of each enumeration."""
    import enum

    import coriolis_ng.objects

    found = {}
    for one in pkgutil.iter_modules(coriolis_ng.objects.__path__):
        module = importlib.import_module(f'coriolis_ng.objects.{one.name}')
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
                found[kind.__name__] = sorted(kind)
    return {name: words for name, words in found.items() if words}


def describe() -> Plain:
    from coriolis_ng.db import migration
    from coriolis_ng.rpc import transport

    return {
        'rpc': transport.VERSION,
        'schema': migration.newest(),
        'values': values(),
        'calls': calls(),
        'tasks': tasks(),
        'enums': enums(),
    }


if __name__ == '__main__':
    json.dump(describe(), sys.stdout, indent=1, sort_keys=True)
