# SPDX-License-Identifier: Apache-2.0
"""Environments lead nowhere that the operator did not allow."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from coriolis_ng import conf
from coriolis_ng.objects.preflight import Severity
from coriolis_ng.objects.vm import Vm
from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import directories, minions, schemas
from coriolis_ng.providers.kvm import sourcecheck as source
from coriolis_ng.providers.kvm.connection import parse
from coriolis_ng.providers.kvm.directories import Directories
from coriolis_ng.providers.kvm.provider import Provider
from coriolis_ng.worker import work

FIELD = '$.source_environment.scratch_dir'
IMAGE = '$.destination_environment.worker_image'


@pytest.fixture
def allowed(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / 'allowed'
    folder.mkdir()
    return folder


def refused(call: Any, field: str) -> str:
    with pytest.raises(errors.InvalidInput) as caught:
        call()
    assert caught.value.field == field
    assert field in caught.value.message
    assert '[worker] kvm_directories' in caught.value.message
    return caught.value.message


def test_what_is_inside_is_given_without_links(allowed: pathlib.Path) -> None:
    limit = Directories([str(allowed)])
    (allowed / 'link').symlink_to(allowed / 'real')
    assert limit.check(allowed, FIELD) == allowed
    assert limit.check(allowed / 'a' / '..' / 'b', FIELD) == allowed / 'b'
    assert limit.check(allowed / 'link/x', FIELD) == allowed / 'real/x'


@pytest.mark.parametrize(
    'path',
    ['/etc', '/', '{0}/..', '{0}/../other', '{0}-beside', '{0}/../../../etc'],
)
def test_what_is_outside_is_refused(allowed: pathlib.Path, path: str) -> None:
    limit = Directories([str(allowed)])
    text = refused(
        lambda: limit.check(path.format(allowed), FIELD),
        FIELD,
    )
    assert str(allowed) in text


def test_a_link_does_not_lead_out(
    allowed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    limit = Directories([str(allowed)])
    (allowed / 'out').symlink_to(tmp_path)
    (allowed / 'again').symlink_to(allowed / 'out')
    for name in ('out', 'out/x', 'again/x'):
        refused(lambda name=name: limit.check(allowed / name, FIELD), FIELD)


def test_an_allowed_directory_may_be_a_link(
    allowed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / 'alias').symlink_to(allowed)
    limit = Directories([str(tmp_path / 'alias')])
    assert limit.check(tmp_path / 'alias/x', FIELD) == allowed / 'x'
    assert limit.check(allowed / 'x', FIELD) == allowed / 'x'


def test_nothing_is_allowed_when_the_list_is_empty() -> None:
    assert 'none' in refused(lambda: Directories([]).check('/x', FIELD), FIELD)


def test_the_default_scratch_directory_is_allowed_by_default() -> None:
    found = source.scratch_of({}, Directories())
    assert str(found) == schemas.SCRATCH


def test_the_option_has_the_providers_default() -> None:
    option = next(
        o for o in conf.worker.OPTIONS if o.name == 'kvm_directories'
    )
    assert tuple(option.default) == directories.DEFAULTS


def test_preflight_says_that_the_scratch_directory_is_not_allowed(
    allowed: pathlib.Path,
) -> None:
    found = source.findings(
        Vm(id='v', name='web1', cpus=1, memory=1 << 28),
        parse('<domain/>'),
        {'scratch_dir': '/etc/coriolis'},
        Directories([str(allowed)]),
    )
    told = next(f for f in found if f.code == 'scratch_dir')
    assert told.severity is Severity.ERROR
    assert '/etc/coriolis' in told.meaning
    assert not any(f.code == 'scratch_space' for f in found)


class OnePool:
    """Pools of a libvirt with a single one."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def folder(self, name: str) -> pathlib.Path:
        """Of the pool ``default``."""
        assert name == 'default'
        return self._folder

    def folders(self) -> list[tuple[str, pathlib.Path]]:
        """The one."""
        return [('default', self._folder)]


def image(pool: pathlib.Path, allowed: pathlib.Path, name: str) -> Any:
    return minions.image_path(
        OnePool(pool),  # type: ignore[arg-type]
        Directories([str(allowed)]),
        {'worker_image': name},
    )


def test_worker_images(allowed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pool = tmp_path / 'pool'
    pool.mkdir()
    for folder in (pool, allowed, tmp_path):
        (folder / 'debian.qcow2').touch()
    in_pool = pool / 'debian.qcow2'
    assert image(pool, allowed, 'debian.qcow2') == in_pool
    assert image(pool, allowed, str(in_pool)) == in_pool
    mine = allowed / 'debian.qcow2'
    assert image(pool, allowed, str(mine)) == mine
    assert image(pool, allowed, '../allowed/debian.qcow2') == mine
    (pool / 'link.qcow2').symlink_to(tmp_path / 'debian.qcow2')
    for name in (
        '../debian.qcow2',
        'link.qcow2',
        str(tmp_path / 'debian.qcow2'),
        '/etc/passwd',
    ):
        refused(lambda name=name: image(pool, allowed, name), IMAGE)
    with pytest.raises(errors.NotFound, match=r'no worker image .*gone'):
        image(pool, allowed, 'gone')


def test_a_replica_is_no_worker_image(tmp_path: pathlib.Path) -> None:
    name = 'coriolis-0123456789ab-vda.qcow2'
    (tmp_path / name).touch()
    (tmp_path / 'alias.qcow2').symlink_to(tmp_path / name)
    for given in (name, 'alias.qcow2', str(tmp_path / name)):
        with pytest.raises(errors.InvalidInput, match='disk of ours') as e:
            image(tmp_path, tmp_path, given)
        assert e.value.field == IMAGE


def test_a_child_has_the_operators_directories() -> None:
    made = work.provider_of(work.reference(Provider(['/srv/a b', '/ü'])))
    assert isinstance(made, Provider)
    assert made.settings == {'directories': ['/srv/a b', '/ü']}
