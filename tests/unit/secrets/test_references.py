# SPDX-License-Identifier: Apache-2.0
"""References to secrets lead to the catalog's key manager or nowhere."""

from __future__ import annotations

import pytest

from coriolis_ng import errors
from coriolis_ng.secrets import references
from coriolis_ng.secrets.references import Place

ID = '6bb5c0a8-0f4c-4b1a-9c1e-0d8f2f1f4f10'
PLACES = ('https://b.example.org', 'http://10.0.0.5:9311/key-manager')


@pytest.mark.parametrize('place', PLACES)
def test_both_urls_of_the_catalog_are_good(place: str) -> None:
    url = f'{place}/v1/secrets/{ID}'
    assert references.url_of({'secret_ref': url}, PLACES) == url


def test_an_id_is_one_of_the_first_place() -> None:
    url = references.url_of({'secret_id': ID}, PLACES)
    assert url == f'{PLACES[0]}/v1/secrets/{ID}'


@pytest.mark.parametrize(
    'url',
    [
        f'https://b.example.org.evil.net/v1/secrets/{ID}',
        f'https://evil.net/https://b.example.org/v1/secrets/{ID}',
        f'https://b.example.org@evil.net/v1/secrets/{ID}',
        f'http://b.example.org/v1/secrets/{ID}',
        f'https://b.example.org:81/v1/secrets/{ID}',
        f'https://b.example.org/v1/secrets/{ID}/payload',
        f'https://b.example.org/v1/secrets/../orders/{ID}',
        f'https://b.example.org/v1/secrets/{ID}#x',
        f'https://b.example.org/v1/secrets/{ID}\n',
        f'https://b.example.org//v1/secrets/{ID}',
        'https://b.example.org/v1/secrets/',
        'file:///etc/passwd',
        'http://169.254.169.254/latest/meta-data',
        '',
        None,
        7,
        {'nested': 'object'},
    ],
)
def test_nothing_else_is_asked(url: object) -> None:
    with pytest.raises(errors.InvalidInput) as told:
        references.url_of({'secret_ref': url}, PLACES)
    assert told.value.field == references.FIELD


def test_a_reference_stands_alone() -> None:
    url = f'{PLACES[0]}/v1/secrets/{ID}'
    with pytest.raises(errors.InvalidInput) as told:
        references.url_of({'secret_ref': url, 'host': 'x'}, PLACES)
    assert told.value.field == '$.connection_info'


def test_without_a_key_manager_there_are_none() -> None:
    url = f'{PLACES[0]}/v1/secrets/{ID}'
    with pytest.raises(errors.InvalidInput):
        references.url_of({'secret_ref': url}, ())


@pytest.mark.parametrize(
    ('secret', 'place', 'ref', 'needs_grant'),
    [
        ('abc', Place.LOCAL, 'abc', False),
        ('https://b/x', Place.THEIRS, 'https://b/x', True),
        (references.ours('https://b/x'), Place.OURS, 'https://b/x', True),
        (references.trusted('abc'), Place.TRUSTED, 'abc', True),
    ],
)
def test_what_rows_name(
    secret: str, place: Place, ref: str, needs_grant: bool
) -> None:
    named = references.parse(secret)
    assert (named.place, named.ref) == (place, ref)
    assert named.needs_grant is needs_grant
