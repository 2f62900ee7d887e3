# SPDX-License-Identifier: Apache-2.0
"""Put a program on another machine, start it detached, and stop it again.

The program and its configuration travel through standard input into a
folder that only root can read; nothing secret is ever in argv.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from typing import Any

from coriolis_ng import errors
from coriolis_ng.objects import Value
from coriolis_ng.remote.ssh import CommandFailed, Ssh
from coriolis_ng.remote.talk import Stop

FOLDER = '/run/coriolis-{name}'

# $1 name, $2 folder, $3 seconds to wait, then the command. The output is a
# file, not the channel: the program outlives this connection.
START = r"""
name=$1 folder=$2 seconds=$3; shift 3
if [ -f "$folder/pid" ]; then kill -9 "-$(cat "$folder/pid")"; fi 2>/dev/null
rm -rf "$folder" && mkdir -m 700 "$folder" || exit 90
tar -x --no-same-owner -p -f - -C "$folder" || exit 91
cd "$folder" || exit 92
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
    systemctl stop "$name.service" >/dev/null 2>&1
    systemd-run --quiet --collect --unit="$name" \
        --property=WorkingDirectory="$folder" \
        --property=StandardOutput="file:$folder/out" \
        --property=StandardError="file:$folder/log" -- "$@" || exit 93
    alive() { systemctl --quiet is-active "$name.service"; }
else
    setsid "$@" >out 2>log </dev/null &
    echo $! >pid
    alive() { kill -0 "$(cat pid)" 2>/dev/null; }
fi
tries=$((seconds * 5))
while [ "$tries" -gt 0 ]; do
    if [ -s out ]; then
        line=$(head -n 1 out)
        case $line in *'}') printf '%s\n' "$line"; exit 0 ;; esac
    fi
    alive || { tail -c 4000 log >&2; exit 94; }
    sleep 0.2
    tries=$((tries - 1))
done
tail -c 4000 log >&2
exit 95
"""

STOP = r"""
name=$1 folder=$2
if [ -d /run/systemd/system ]; then
    systemctl stop "$name.service" >/dev/null 2>&1
fi
if [ -f "$folder/pid" ]; then
    pid=$(cat "$folder/pid")
    kill -TERM "-$pid" 2>/dev/null
    tries=25
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.2; tries=$((tries - 1))
    done
    kill -9 "-$pid" 2>/dev/null
fi
rm -rf "$folder"
"""


class Program(Value):
    """A started program and what it said when it was ready."""

    name: str
    ready: dict[str, Any] = {}


def start_program(
    ssh: Ssh,
    name: str,
    program: bytes,
    config: Mapping[str, Any] | bytes = b'',
    *,
    files: Mapping[str, bytes] | None = None,
    interpreter: tuple[str, ...] = ('python3',),
    timeout_seconds: int = 60,
    stop: Stop | None = None,
) -> Program:
    """Start ``program`` as ``INTERPRETER program config`` in its own folder.

    ``config`` is bytes or becomes JSON; ``files`` are more files beside it
    (keys, certificates), all with mode 0600. The program must print one line
    of JSON, an object, when it is ready. A program of that name that still
    runs is stopped first, so a repeated call is safe.
    """
    folder = _folder(name)
    if not isinstance(config, bytes):
        config = json.dumps(config).encode()
    packed = _tar({'program': program, 'config': config, **(files or {})})
    command = [*interpreter, f'{folder}/program', f'{folder}/config']
    try:
        ran = ssh.run(
            ['sh', '-c', START, 'start', name, folder]
            + [str(timeout_seconds), *command],
            input=packed,
            timeout=timeout_seconds + 60,
            stop=stop,
        )
    except CommandFailed as error:
        raise _not_started(name, error) from None
    return Program(name=name, ready=json.loads(ran.stdout))


def stop_program(ssh: Ssh, name: str) -> None:
    """Stop the program and remove its folder; may be called twice."""
    ssh.run(['sh', '-c', STOP, 'stop', name, _folder(name)], timeout=60)


def program_log(ssh: Ssh, name: str) -> str:
    """The end of what the program wrote to its standard error."""
    ran = ssh.run(['tail', '-c', '16000', f'{_folder(name)}/log'], check=False)
    return ran.stdout


def _folder(name: str) -> str:
    if not re.fullmatch(r'[a-z0-9][a-z0-9-]{0,60}', name):
        raise errors.InvalidInput(f'"{name}" cannot name a program.')
    return FOLDER.format(name=name)


def _tar(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode='w') as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o600
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _not_started(name: str, error: CommandFailed) -> errors.CoriolisError:
    why = {
        94: 'ended before it was ready',
        95: 'did not say in time that it is ready',
    }.get(error.ran.status, 'could not be started')
    return errors.CoriolisError(
        f'The program "{name}" {why} on the worker machine.',
        detail=error.detail,
    )
