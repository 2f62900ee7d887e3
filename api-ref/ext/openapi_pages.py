# SPDX-License-Identifier: Apache-2.0
"""Sphinx extension: a page for each resource, made of the OpenAPI document
when the reference is built, so that it can leave nothing out."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from sphinx.application import Sphinx

from coriolis_ng.api import openapi

VERBS = ('get', 'post', 'put', 'delete')
Plain = dict[str, Any]


def setup(app: Sphinx) -> Plain:
    """Called by Sphinx."""
    app.connect('builder-inited', _write)
    return {'parallel_read_safe': True}


def _write(app: Sphinx) -> None:
    document = openapi.document()
    folder = pathlib.Path(app.srcdir) / 'resources'
    folder.mkdir(exist_ok=True)
    pages = _pages(document)
    for old in folder.glob('*.rst'):
        if old.stem not in pages:
            old.unlink()
    for noun, operations in pages.items():
        text = '\n'.join(_page(document, noun, operations)) + '\n'
        file = folder / f'{noun}.rst'
        if not file.exists() or file.read_text('utf-8') != text:
            file.write_text(text, 'utf-8')


def _pages(document: Plain) -> dict[str, list[tuple[str, str, Plain]]]:
    found: dict[str, list[tuple[str, str, Plain]]] = {}
    for path, item in document['paths'].items():
        for verb in VERBS:
            if verb in item:
                operation = {
                    **item[verb],
                    'parameters': [
                        *item.get('parameters', []),
                        *item[verb].get('parameters', []),
                    ],
                }
                noun = operation['tags'][0]
                found.setdefault(noun, []).append((verb, path, operation))
    return found


def _page(
    document: Plain, noun: str, operations: list[tuple[str, str, Plain]]
) -> Iterator[str]:
    yield from _heading(noun.replace('_', ' ').capitalize(), '=')
    for verb, path, operation in operations:
        yield from _operation(document, verb, path, operation)


def _operation(
    document: Plain, verb: str, path: str, operation: Plain
) -> Iterator[str]:
    title = f'{verb.upper()} {path.removeprefix("/v1/{project_id}") or path}'
    yield from _heading(title, '-')
    yield f'.. rest_method:: {verb.upper()} {path}'
    yield ''
    for sentence in operation['summary'].split(' / '):
        yield sentence
        yield ''
    rows = [
        (one['name'], one['in'], _type(one['schema']),
         one.get('description') or one['schema'].get('description', ''))
        for one in operation['parameters']
    ]  # fmt: skip
    yield from _table('Parameters', ('Name', 'In', 'Type', ''), rows)
    body = operation.get('requestBody')
    if body:
        shape = body['content']['application/json']['schema']
        yield from _fields(document, 'Body', shape)
    for status, answer in operation['responses'].items():
        if status < '300' and 'content' in answer:
            shape = answer['content'].get('application/json', {})
            title = f'Answer, {status}'
            yield from _fields(document, title, shape.get('schema', {}))
    yield from _statuses(document, operation['responses'])


def _statuses(document: Plain, responses: Plain) -> Iterator[str]:
    rows = []
    named = document['components']['responses']
    for status, told in responses.items():
        name = told.get('$ref', '').rsplit('/', 1)[-1]
        answer = named[name] if name else told
        headers = ', '.join(
            name
            for name in answer.get('headers', {})
            if 'Request-Id' not in name
        )
        rows.append((status, answer['description'], headers))
    yield from _table('Statuses', ('Status', 'Meaning', 'Headers'), rows)


def _fields(document: Plain, title: str, shape: Plain) -> Iterator[str]:
    rows = [
        (name, _type(one), one.get('description', ''))
        for name, one in _flat(document, shape, '', 0)
    ]
    yield from _table(title, ('Field', 'Type', ''), rows)


def _flat(
    document: Plain, shape: Plain, place: str, depth: int
) -> Iterator[tuple[str, Plain]]:
    """Fields with their places (``transfer.instances``), four deep."""
    shape = _resolved(document, shape)
    if depth > 4:
        return
    for key in ('anyOf', 'oneOf'):
        for one in shape.get(key, []):
            yield from _flat(document, one, place, depth)
    if 'items' in shape:
        yield from _flat(document, shape['items'], f'{place}[]', depth)
    for name, one in shape.get('properties', {}).items():
        inner = f'{place}.{name}' if place else name
        yield inner, one
        yield from _flat(document, one, inner, depth + 1)


def _resolved(document: Plain, shape: Plain) -> Plain:
    if '$ref' not in shape:
        return shape
    name = shape['$ref'].rsplit('/', 1)[1]
    found: Plain = document['components']['schemas'][name]
    return found


def _type(shape: Plain) -> str:
    if '$ref' in shape:
        return str(shape['$ref'].rsplit('/', 1)[1])
    if 'enum' in shape:
        return ', '.join(str(one) for one in shape['enum'])
    kinds = shape.get('anyOf') or shape.get('oneOf')
    if kinds:
        return ' or '.join(dict.fromkeys(_type(one) for one in kinds))
    if shape.get('type') == 'array':
        return f'list of {_type(shape.get("items", {}))}'
    return str(shape.get('type', 'any'))


def _table(
    title: str, names: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> Iterator[str]:
    rows = list(dict.fromkeys(rows))
    if not rows:
        return
    yield f'.. list-table:: {title}'
    yield '   :header-rows: 1'
    yield ''
    for row in (names, *rows):
        for number, cell in enumerate(row):
            text = ' '.join(_literal(cell).split()) if cell else ''
            yield f'   {"*" if not number else " "} - {text}'.rstrip()
    yield ''


def _literal(text: str) -> str:
    """Nothing in it is markup."""
    if text.isidentifier() or any(c in text for c in '`*|_[]\\'):
        return '``' + text.replace('``', '').replace('`', "'") + '``'
    return text


def _heading(text: str, line: str) -> Iterator[str]:
    yield text
    yield line * len(text)
    yield ''
