# SPDX-License-Identifier: Apache-2.0
"""Providers: the kinds of clouds that the workers can reach."""

from __future__ import annotations

import argparse

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli.command import Lister, ShowOne
from coriolis_ng.client.providers import Providers


class List(Lister):
    """List providers."""

    columns = {'Name': 'name', 'Capabilities': 'capabilities'}

    def rows(self, given: argparse.Namespace) -> list[Json]:
        found = self.client.providers.list()
        return [{**told, 'name': name} for name, told in found.items()]


class _Schema(ShowOne):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument('provider', help='see: provider list')
        parser.add_argument('kind', choices=tuple(Providers.KINDS))

    def thing(self, given: argparse.Namespace) -> Json:
        return self.client.providers.schema(given.provider, given.kind)


class SchemaShow(_Schema):
    """Show what a provider wants to know, as a JSON Schema."""

    examples = """
  {} provider schema show kvm connection -f json
"""


class SchemaList(Lister):
    """List what a provider wants to know, in few words."""

    columns = {
        'Name': 'name',
        'Type': 'type',
        'Required': 'required',
        'Default': 'default',
        'What': 'description',
    }
    examples = """
  {} provider schema list kvm source
"""
    arguments = _Schema.arguments

    def rows(self, given: argparse.Namespace) -> list[Json]:
        schema = self.client.providers.schema(given.provider, given.kind)
        required = schema.get('required', ())
        return [
            {**one, 'name': name, 'required': name in required}
            for name, one in schema.get('properties', {}).items()
        ]


COMMANDS = {
    'provider list': List,
    'provider schema list': SchemaList,
    'provider schema show': SchemaShow,
}
