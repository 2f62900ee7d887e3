# SPDX-License-Identifier: Apache-2.0
"""Answers about the API itself."""

from __future__ import annotations

from coriolis_ng.api.schemas.parts import Answer


class Link(Answer):
    rel: str
    href: str


class Version(Answer):
    id: str
    status: str
    links: list[Link]
    release: str


class VersionsAnswer(Answer):
    versions: list[Version]


class VersionAnswer(Answer):
    version: Version
