# SPDX-License-Identifier: Apache-2.0
"""Golden tests of stages: what they do to small trees of distributions.

A case is a folder with ``tree/`` (a guest's files), ``case.json`` (target,
file systems, what commands would do) and ``diff.json`` (what is expected).
``python -m coriolis_ng.morphing.testing FOLDER --write`` makes the latter
anew, to be read before it is committed. Third-party stages use it too.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coriolis_ng.morphing.guest import FileSystem, Guest
from coriolis_ng.morphing.inspect import inspect
from coriolis_ng.morphing.pipeline import plan, run_stage
from coriolis_ng.morphing.root import LocalWorker, Root
from coriolis_ng.morphing.stages import STAGES, Stage
from coriolis_ng.morphing.target import Target
from coriolis_ng.objects import Value, from_plain, to_plain

Files = dict[str, tuple[str, str]]


class Command(Value):
    """What a command does in a case: the first whose ``argv`` is how the
    real one begins answers it. ``initrds`` maps a path to the names in the
    initrd that it writes."""

    argv: tuple[str, ...]
    status: int = 0
    stdout: str = ''
    stderr: str = ''
    writes: dict[str, str] = {}
    initrds: dict[str, tuple[str, ...]] = {}


class Case(Value):
    """``case.json``; ``root`` is an index of ``file_systems``."""

    target: Target = Target()
    file_systems: tuple[FileSystem, ...] = ()
    root: int = 0
    initrds: dict[str, tuple[str, ...]] = {}
    commands: tuple[Command, ...] = ()
    reachable: bool = False


class RecordingWorker(LocalWorker):
    """Files are real, commands are written down and answered by the case;
    the worker's own files are those of an empty folder."""

    def __init__(self, case: Case, top: Path, own: Path) -> None:
        super().__init__()
        self._case = case
        self._top = top
        self._own = own
        self.commands: list[list[str]] = []

    def call(
        self, do: str, top: str | None, *rest: Any, seconds: float = 60.0
    ) -> Any:
        """As ``Worker.call``: files are worked on, commands kept in
        ``commands``."""
        if do == 'run':
            return self._run(top, list(rest[0]))
        if do == 'script':
            body = base64.b64decode(rest[1]).decode()
            self.commands.append(
                ['(on the worker)', *rest[0], body, *self._shown(rest[2])]
            )
            return [0, '', '']
        if do == 'reachable':
            self.commands.append(
                ['(probe)', *(f'{h}:{p}' for h, p in rest[0])]
            )
            return rest[0] if self._case.reachable else []
        where = str(self._own) if top == '/' else top
        return super().call(do, where, *rest, seconds=seconds)

    def _run(self, top: str | None, argv: list[str]) -> list[Any]:
        where = [] if top is not None else ['(on the worker)']
        self.commands.append(where + self._shown(argv))
        for command in self._case.commands:
            if tuple(argv[: len(command.argv)]) != command.argv:
                continue
            root = Root(self, str(self._top))
            for path, text in command.writes.items():
                root.write(path, text)
            for path, names in command.initrds.items():
                root.write(path, cpio(names))
            texts = (command.stdout, command.stderr)
            return [
                command.status,
                *(base64.b64encode(text.encode()).decode() for text in texts),
            ]
        return [0, '', '']

    def _shown(self, argv: Sequence[str]) -> list[str]:
        return [word.replace(str(self._top), '(root)') for word in argv]


def run_case(
    folder: Path, stages: Sequence[type[Stage]] = STAGES
) -> dict[str, Any]:
    """What the stages of the plan do to the case, as ``diff.json`` has it.

    Raises ``AssertionError`` when a stage changes files once more on its
    second run.
    """
    case = from_plain(Case, json.loads((folder / 'case.json').read_text()))
    with tempfile.TemporaryDirectory() as scratch:
        top, own = Path(scratch, 'tree'), Path(scratch, 'own')
        own.mkdir()
        shutil.copytree(folder / 'tree', top, symlinks=True)
        for file in top.rglob('*'):
            # Only the x bit is kept by git; the rest is the umask's.
            if file.is_file() and not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
        worker = RecordingWorker(case, top, own)
        root = Root(worker, str(top))
        for path, content in case.initrds.items():
            root.write(path, cpio(content))
        found = case.file_systems
        guest = inspect(root, found, found[case.root] if found else None)
        names = plan(guest, case.target, stages)
        done = {
            stage.name: _run_stage(stage, root, worker, guest, case.target)
            for stage in stages
            if stage.name in names
        }
    made = {'guest': _facts(guest), 'plan': names, 'stages': done}
    # As it is read back: JSON has no tuples.
    return dict(json.loads(json.dumps(made)))


def check_case(folder: Path, stages: Sequence[type[Stage]] = STAGES) -> None:
    """Compare with ``diff.json``; raises ``AssertionError``."""
    made = run_case(folder, stages)
    expected = json.loads((folder / 'diff.json').read_text())
    differs = difflib.unified_diff(
        _render(expected).splitlines(),
        _render(made).splitlines(),
        'expected',
        'made',
        lineterm='',
    )
    assert made == expected, '\n'.join([str(folder), *differs])


def cpio(names: Sequence[str]) -> bytes:
    """A cpio archive ("newc") of empty files: an initrd in small."""
    made = b''
    for number, name in enumerate([*names, 'TRAILER!!!'], 1):
        encoded = name.encode()
        fields = [number, 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        fields += [len(encoded) + 1, 0]
        entry = b'070701' + b''.join(b'%08X' % field for field in fields)
        entry += encoded + b'\0'
        made += entry + b'\0' * (-len(entry) % 4)
    return made


def _run_stage(
    kind: type[Stage],
    root: Root,
    worker: RecordingWorker,
    guest: Guest,
    target: Target,
) -> dict[str, Any]:
    top = Path(root.top)
    before = _files(top)
    worker.commands = []
    ran = run_stage(kind, root, guest, target, lambda text: None)
    after = _files(top)
    commands = list(worker.commands)
    run_stage(kind, root, guest, target, lambda text: None)
    again = _difference(after, _files(top))
    assert not again, f'{kind.name} is not idempotent: {again}'
    made = _difference(before, after)
    if commands:
        made['commands'] = commands
    if ran.notes:
        made['notes'] = list(ran.notes)
    if ran.error:
        made['error'] = ran.error
    return made


def _files(top: Path) -> Files:
    """path -> (mode or kind, content)."""
    found = {}
    for path in sorted(top.rglob('*')):
        name = '/' + str(path.relative_to(top))
        if path.is_symlink():
            found[name] = ('link', str(path.readlink()))
        elif path.is_file():
            text = path.read_bytes().decode(errors='backslashreplace')
            found[name] = (f'{path.stat().st_mode & 0o7777:04o}', text)
    return found


def _difference(before: Files, after: Files) -> dict[str, Any]:
    made: dict[str, Any] = {}
    removed = sorted(set(before) - set(after))
    if removed:
        made['removed'] = removed
    for word, names in (
        ('added', sorted(set(after) - set(before))),
        (
            'changed',
            sorted(n for n in after if before.get(n, after[n]) != after[n]),
        ),
    ):
        if names:
            made[word] = {name: _shown(after[name]) for name in names}
    return made


def _shown(file: tuple[str, str]) -> dict[str, Any]:
    kind, content = file
    if kind == 'link':
        return {'link': content}
    shown: dict[str, Any] = {} if kind == '0644' else {'mode': kind}
    if content.startswith('070701'):
        # An initrd: the names say it all.
        lines = [p for p in content.split('\0') if '.ko' in p]
        return {**shown, 'initrd': [line[110:] for line in lines]}
    return {**shown, 'text': content.splitlines()}


def _facts(guest: Guest) -> dict[str, Any]:
    plain = to_plain(guest)
    plain.pop('file_systems')
    plain['root'] = plain['root'] and plain['root']['device']
    return plain


def _render(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=1, ensure_ascii=False) + '\n'


def main(argv: Sequence[str]) -> int:
    """Check or write the cases below a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--write', action='store_true')
    given = parser.parse_args(argv)
    for path in sorted(given.folder.glob('**/case.json')):
        if given.write:
            made = _render(run_case(path.parent))
            (path.parent / 'diff.json').write_text(made)
        else:
            check_case(path.parent)
        print(path.parent)  # noqa: T201
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
