# SPDX-License-Identifier: Apache-2.0
"""Names and ids that are known before anything is made."""

import struct

import jsonschema
import pytest

from coriolis_ng.objects.minion import MinionKeys
from coriolis_ng.providers.kvm import (
    chains,
    checkpoints,
    pools,
    probe,
    qcow2,
    schemas,
    seed,
    sources,
)

TAG = 'coriolis:11111111-2222-4333-8444-555555555555:7'


def test_a_snapshot_and_its_checkpoint_have_different_ids():
    # What a replica owns is looked up by id alone.
    names = sources.Names(
        domain='d' * 36, short='0123456789ab', scratch='/var/tmp/coriolis'
    )
    mark = f'{"d" * 36}/{checkpoints.PREFIX}0123456789ab'
    assert names.id != mark
    assert checkpoints.split(mark)[0] == names.domain
    assert sources.Names.of(names.id, names.scratch) == names


def test_a_socket_fits_its_limit():
    limit = schemas.SOURCE['properties']['scratch_dir']['maxLength']
    names = sources.Names(
        domain='d' * 36, short='0' * 12, scratch='/' + 's' * (limit - 1)
    )
    assert len(str(names.folder / 'vdaaaaaa.sock')) <= 107


@pytest.mark.parametrize(
    'what', ['vda', 'a/b', '..', '', 'ü x', 'x' * 500, "a'b"]
)
def test_file_names_are_safe(what):
    name = pools.file_name(TAG, what)
    assert name.startswith('coriolis-')
    assert name.isascii()
    assert not set(name) & set('/. \'"')
    assert len(name) < 64


def test_a_points_file_names_its_volume():
    volume = pools.file_name(TAG, 'vda') + '.qcow2'
    point = chains.point_name(volume, '0123456789ab')
    assert chains.volume_of(point) == volume
    assert chains.volume_of(volume) == volume


def header(version, backing=b''):
    offset = 104 if backing else 0
    head = struct.pack(
        '>4sIQIIQ', b'QFI\xfb', version, offset, len(backing), 16, 1 << 30
    )
    return head.ljust(104, b'\0') + backing


@pytest.mark.parametrize(
    ('data', 'expected'),
    [
        (header(3), (3, 1 << 30, '')),
        (header(2, b'base.qcow2'), (2, 1 << 30, 'base.qcow2')),
    ],
)
def test_headers(tmp_path, data, expected):
    path = tmp_path / 'x'
    path.write_bytes(data)
    found = qcow2.find_header(path)
    assert (found.version, found.size, found.backing) == expected


@pytest.mark.parametrize('data', [b'', b'QFI\xfb', b'\0' * 512])
def test_what_is_no_qcow2(tmp_path, data):
    path = tmp_path / 'x'
    path.write_bytes(data)
    assert qcow2.find_header(path) is None
    assert qcow2.format_of(path) == 'raw'
    assert qcow2.find_header(tmp_path / 'nothing') is None


def test_the_seed_gives_both_keys_and_nothing_slow():
    keys = MinionKeys(user_key='ssh-ed25519 AAA', host_key='PRIVATE')
    text = seed.user_data(keys, 'ssh-ed25519 BBB')
    assert text.startswith('#cloud-config\n')
    for word in ('ssh-ed25519 AAA', 'PRIVATE', 'ssh-ed25519 BBB'):
        assert word in text
    assert '"cloud_final_modules": []' in text


@pytest.mark.parametrize(
    ('source', 'option', 'expected'),
    [
        ('pc-i440fx-7.2', 'source', 'pc'),
        ('pc-q35-7.2', 'source', 'q35'),
        ('', 'source', 'q35'),
        ('pc-i440fx-7.2', 'q35', 'q35'),
    ],
)
def test_machine_types(source, option, expected):
    assert probe.machine_type(source, {'machine_type': option}) == expected


@pytest.mark.parametrize(
    'schema', [schemas.CONNECTION, schemas.SOURCE, schemas.TARGET]
)
def test_schemas_are_valid_and_explain_themselves(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, rule in schema['properties'].items():
        assert rule['title'], name
        if 'default' in rule:
            jsonschema.validate(rule['default'], rule)


def test_options_fall_back_to_their_defaults():
    assert schemas.target({}, 'storage_pool') == 'default'
    assert schemas.target({'storage_pool': 'x'}, 'storage_pool') == 'x'
    assert schemas.target({}, 'worker_image') is None
