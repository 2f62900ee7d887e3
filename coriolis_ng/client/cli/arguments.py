# SPDX-License-Identifier: Apache-2.0
"""Arguments that several nouns take: JSON, scripts, mappings of storage."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import Any

from coriolis_ng.client import ApiError
from coriolis_ng.client.api import Json

JSON = 'JSON|@FILE'


def json_argument(text: str) -> Json:
    """A JSON object, or ``@FILE`` (``@-``: standard input) with one."""
    source = 'this argument'
    try:
        if text == '@-':
            source = 'standard input'
            text = sys.stdin.read()
        elif text.startswith('@'):
            source = text[1:]
            text = pathlib.Path(source).read_text('utf-8')
        value = json.loads(text)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f'{source} cannot be read: {error.strerror}'
        ) from None
    except json.JSONDecodeError as error:
        # Never with a part of the text: it may hold a password.
        raise argparse.ArgumentTypeError(
            f'{source} is not JSON: {error.msg} at line {error.lineno}, '
            f'column {error.colno} (a file is named as @FILE)'
        ) from None
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{source} is not JSON, not even text in UTF-8'
        ) from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(
            f'{source} is JSON, but no object: {{"name": value, ...}}'
        )
    return value


def json_file(path: str) -> Json:
    """The JSON object in a file; ``-`` is standard input."""
    return json_argument(f'@{path}')


def json_options(
    parser: argparse.ArgumentParser, name: str, text: str
) -> None:
    """``--NAME JSON`` and ``--NAME-file FILE``, one of them."""
    group = parser.add_mutually_exclusive_group()
    dest = name.replace('-', '_')
    group.add_argument(
        f'--{name}', type=json_argument, metavar=JSON, dest=dest, help=text
    )
    group.add_argument(
        f'--{name}-file',
        type=json_file,
        metavar='FILE',
        dest=dest,
        help='the same from a file (-: standard input)',
    )


# Of executions, and of what has executions.
STATUSES = ('RUNNING', 'CANCELLING', 'COMPLETED', 'ERROR', 'CANCELED')


def status(parser: argparse.ArgumentParser, text: str, *more: str) -> None:
    """``--status``, for a list."""
    parser.add_argument('--status', choices=(*more, *STATUSES), help=text)


def environment(parser: argparse.ArgumentParser) -> None:
    """For questions to a cloud that depend on an environment."""
    json_options(parser, 'environment', 'what the environment says already')


def environments(parser: argparse.ArgumentParser) -> None:
    """Where machines come from and where they go."""
    json_options(
        parser, 'source-environment', 'how to read; see: provider schema list'
    )
    json_options(
        parser,
        'destination-environment',
        'how to make machines there; see: provider schema list',
    )
    json_options(
        parser,
        'network-map',
        '{"network at the source": "network there", ...}',
    )


def storage(parser: argparse.ArgumentParser) -> None:
    """Which storage of the destination gets which disk."""
    json_options(
        parser,
        'storage-mappings',
        'all of it as one object, instead of the following three',
    )
    parser.add_argument(
        '--default-storage-backend',
        metavar='NAME',
        help='storage of the destination for all that is not mapped',
    )
    parser.add_argument(
        '--storage-backend-mapping',
        action='append',
        default=[],
        metavar='SOURCE=NAME',
        help='by storage at the source; may be given many times',
    )
    parser.add_argument(
        '--disk-storage-mapping',
        action='append',
        default=[],
        metavar='DISK=NAME',
        help='by id of the disk; may be given many times',
    )


def storage_mappings(given: argparse.Namespace) -> Json | None:
    """None when nothing was said."""
    if given.storage_mappings is not None:
        found: Json = given.storage_mappings
        return found
    parts: dict[str, Any] = {
        'default': given.default_storage_backend,
        'backend_mappings': [
            {'source': source, 'destination': name}
            for source, name in map(_pair, given.storage_backend_mapping)
        ],
        'disk_mappings': [
            {'disk_id': disk, 'destination': name}
            for disk, name in map(_pair, given.disk_storage_mapping)
        ],
    }
    return {name: one for name, one in parts.items() if one} or None


def pools(parser: argparse.ArgumentParser) -> None:
    """Machines that are kept ready for the work."""
    parser.add_argument(
        '--origin-minion-pool-id',
        metavar='ID',
        help='a pool of the origin for reading disks',
    )
    parser.add_argument(
        '--destination-minion-pool-id',
        metavar='ID',
        help='a pool of the destination for writing disks',
    )
    morphing_pools(parser)


def morphing_pools(parser: argparse.ArgumentParser) -> None:
    """Machines that are kept ready for adapting guests."""
    parser.add_argument(
        '--osmorphing-minion-pool-mapping',
        action='append',
        default=[],
        metavar='INSTANCE=ID',
        help='a pool for adapting that machine; may be given many times',
    )


def pool_mappings(given: argparse.Namespace) -> Json | None:
    """None when nothing was said."""
    return pairs(given.osmorphing_minion_pool_mapping)


def scripts(parser: argparse.ArgumentParser) -> None:
    """Scripts of the user that run in the guests."""
    parser.add_argument(
        '--user-script-global',
        action='append',
        default=[],
        metavar='OS=FILE[,phase=PHASE]',
        help='a script for every machine of that system (linux=FILE); '
        'phases are osmorphing_pre_os_mount, osmorphing_post_os_mount (the '
        'default) and replica_first_boot',
    )
    parser.add_argument(
        '--user-script-instance',
        action='append',
        default=[],
        metavar='NAME=FILE[,phase=PHASE]',
        help='a script for one machine, instead of the global one',
    )


def user_scripts(given: argparse.Namespace) -> Json | None:
    """``{'global': ..., 'instances': ...}``, None for none."""
    found = {
        'global': _scripts(given.user_script_global),
        'instances': _scripts(given.user_script_instance),
    }
    return found if any(found.values()) else None


def _scripts(several: list[str]) -> Json:
    found: dict[str, list[Json]] = {}
    for text in several:
        name, rest = _pair(text)
        path, _, phase = rest.partition(',phase=')
        try:
            payload = pathlib.Path(path).read_text('utf-8')
        except OSError as error:
            raise ApiError(
                f'The script {path} cannot be read: {error.strerror}.'
            ) from None
        except UnicodeDecodeError:
            raise ApiError(
                f'The script {path} is not text in UTF-8.'
            ) from None
        one = {'payload': payload}
        if phase:
            one['phase'] = phase
        found.setdefault(name, []).append(one)
    return found


def pairs(several: list[str]) -> dict[str, str] | None:
    """``NAME=ID`` as a dictionary; None for none."""
    return dict(map(_pair, several)) or None


def _pair(text: str) -> tuple[str, str]:
    # Names may have a = in them; what follows them may not, so the last one
    # counts, but for that of a phase.
    head, comma, phase = text.partition(',phase=')
    name, equals, value = head.rpartition('=')
    if not (name and equals and value):
        raise ApiError(f'"{text}" should look like NAME=VALUE.')
    return name, f'{value}{comma}{phase}'
