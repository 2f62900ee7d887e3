# SPDX-License-Identifier: Apache-2.0
"""Plans whose edges come from the data.

A task's inputs are literal values or fields of other tasks' outputs; what
is missing, unknown or of the wrong type is refused when the plan is built.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from coriolis_ng import errors
from coriolis_ng.engine.task import Cleanup, Task
from coriolis_ng.objects import from_plain, to_plain


@dataclass(frozen=True, slots=True)
class Ref:
    """A field of the output of a task that has not run yet."""

    task: str
    name: str
    type: object


@dataclass(slots=True)
class Step:
    """A task of the plan; attributes that are not its own are its outputs:
    ``plan.add(GetVm, name='a').vm`` is a :class:`Ref`."""

    id: str
    kind: type[Task]
    instance: str
    inputs: dict[str, Any]
    after: frozenset[str] = frozenset()
    cleans: frozenset[str] = frozenset()

    @property
    def needs(self) -> frozenset[str]:
        """The ids of the tasks that come before, without those cleaned."""
        refs = {v.task for v in self.inputs.values() if isinstance(v, Ref)}
        return frozenset(refs | self.after) - self.cleans

    def __getattr__(self, name: str) -> Ref:
        if name.startswith('__'):
            raise AttributeError(name)
        hints = _hints(self.kind.Output)
        if name not in hints:
            raise errors.PlanError(
                f'{self.kind.__name__} gives no {name!r}, only {sorted(hints)}'
            )
        return Ref(self.id, name, hints[name])

    def plain_inputs(self) -> dict[str, Any]:
        """The inputs as JSON: ``{'value': ...}`` or ``{'ref': [id, f]}``."""
        return {
            name: {'ref': [v.task, v.name]}
            if isinstance(v, Ref)
            else {'value': to_plain(v)}
            for name, v in self.inputs.items()
        }


@dataclass
class Plan:
    """Collects steps; ids are made from ``prefix`` and a number."""

    prefix: str = ''
    steps: dict[str, Step] = field(default_factory=dict)

    def add(
        self,
        kind: type[Task],
        *,
        instance: str = '',
        after: Iterable[Step] = (),
        **inputs: Any,
    ) -> Step:
        """A main task; raises ``PlanError`` for wrong inputs."""
        _check(kind, inputs)
        return self._put(kind, instance, inputs, after, ())

    def clean(
        self,
        kind: type[Cleanup],
        *cleaned: Step,
        after: Iterable[Step] = (),
        **inputs: Any,
    ) -> Step:
        """A cleanup of what ``cleaned`` made, once ``after`` are closed."""
        if not cleaned:
            raise errors.PlanError(f'{kind.__name__} cleans nothing')
        _check(kind, inputs)
        return self._put(kind, cleaned[0].instance, inputs, after, cleaned)

    def _put(
        self,
        kind: type[Task],
        instance: str,
        inputs: dict[str, Any],
        after: Iterable[Step],
        cleaned: Iterable[Step],
    ) -> Step:
        step = Step(
            id=f'{self.prefix}{len(self.steps)}',
            kind=kind,
            instance=instance,
            inputs=inputs,
            after=frozenset(s.id for s in after),
            cleans=frozenset(s.id for s in cleaned),
        )
        self.steps[step.id] = step
        return step


def resolve(
    kind: type[Task],
    inputs: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Mapping[str, Any]],
) -> Any:
    """The typed ``Input`` of a task from its stored inputs and the plain
    outputs of the tasks before it, by task id."""
    plain: dict[str, Any] = {}
    for name, given in inputs.items():
        if 'ref' in given:
            task, output = given['ref']
            plain[name] = outputs[task][output]
        else:
            plain[name] = given['value']
    return from_plain(kind.Input, plain)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _check(kind: type[Task], inputs: Mapping[str, Any]) -> None:
    hints = _hints(kind.Input)
    required = {
        f.name
        for f in msgspec.structs.fields(kind.Input)
        if f.default is msgspec.NODEFAULT
        and f.default_factory is msgspec.NODEFAULT
    }
    if missing := required - inputs.keys():
        raise errors.PlanError(f'{kind.__name__} lacks {sorted(missing)}')
    for name, value in inputs.items():
        if name not in hints:
            raise errors.PlanError(f'{kind.__name__} takes no {name!r}')
        _check_type(kind, name, value, hints[name])


def _check_type(kind: type[Task], name: str, value: Any, wanted: Any) -> None:
    if isinstance(value, Ref):
        if value.type != wanted and value.type not in typing.get_args(wanted):
            raise errors.PlanError(
                f'{kind.__name__}.{name} is {wanted}, not {value.type}'
            )
        return
    try:
        # Literals are held to the same types as references.
        msgspec.convert(to_plain(value), wanted)
    except (msgspec.ValidationError, TypeError) as error:
        raise errors.PlanError(f'{kind.__name__}.{name}: {error}') from None
    if isinstance(value, msgspec.Struct) and not _fits(value, wanted):
        raise errors.PlanError(
            f'{kind.__name__}.{name} is {wanted}, not {type(value)}'
        )


def _fits(value: Any, wanted: Any) -> bool:
    kinds = typing.get_args(wanted) or (wanted,)
    return any(isinstance(k, type) and isinstance(value, k) for k in kinds)
