# SPDX-License-Identifier: Apache-2.0
"""Answers about what clouds can be used."""

from __future__ import annotations

from coriolis_ng.api.schemas.parts import Answer, Json


class Provider(Answer):
    """``types`` are the public numbers of what it can do."""

    types: list[int]
    capabilities: list[str]


class ProvidersAnswer(Answer):
    providers: dict[str, Provider]


class SchemasAnswer(Answer):
    """JSON Schemas by their public names."""

    schemas: dict[str, Json]
