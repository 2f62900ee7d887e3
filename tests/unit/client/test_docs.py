# SPDX-License-Identifier: Apache-2.0
"""Every command that documents and help texts show is one that there is,
with options that it has."""

from __future__ import annotations

import argparse
import io
import pathlib
import re
import shlex

import pytest

from coriolis_ng.client.cli import app, nouns

ROOT = pathlib.Path(__file__).parents[3]
PROGRAMS = ('coriolis', 'openstack migration')
# Those of cliff.
BUILT_IN = {'help', 'complete'}
INLINE = re.compile(r'``((?:coriolis|openstack migration)\s[^`]+)``')
FILE = re.compile(r'@?[\w-]+\.(?:json|sh|yaml)$')


def shown() -> list[tuple[str, str]]:
    """Where, and the command line."""
    found: list[tuple[str, str]] = []
    files = [ROOT / 'README.rst', *(ROOT / 'doc/source').rglob('*.rst')]
    for file in sorted(files):
        text = file.read_text('utf-8')
        name = str(file.relative_to(ROOT))
        found += [(name, line) for line in blocks(text)]
        found += [
            (f'{name} (in a sentence)', ' '.join(one.split()))
            for one in INLINE.findall(text)
        ]
    for name, kind in nouns.commands().items():
        text = getattr(kind, 'examples', '').replace('{}', 'coriolis')
        found += [(f'help of {name}', line) for line in blocks(text)]
    return found


def blocks(text: str) -> list[str]:
    """The lines of literal blocks in which one of our programs is run."""
    joined = re.sub(r'\\\n\s*', '', text)
    return [
        line.strip()
        for line in joined.splitlines()
        if line.startswith((' ', '\t'))
        and re.search(
            r'(?:^|\| |\w=\S+ )\s*(?:coriolis|openstack migration) [a-z-]',
            line,
        )
    ]


def calls(line: str) -> list[list[str]]:
    """The words behind the program, for each part of a pipe."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars='|>;&')
    lexer.whitespace_split = True
    lexer.commenters = '#'
    found: list[list[str]] = []
    words: list[str] = []
    for word in [*lexer, '|']:
        if word not in {'|', '>', ';', '&&', '||'}:
            words.append(word)
            continue
        while words and re.match(r'\w+=', words[0]):
            del words[0]
        for program in PROGRAMS:
            length = len(program.split())
            if words[:length] == program.split():
                found.append(words[length:])
        words = []
    return found


def parser_of(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of the command, and its arguments."""
    commands = nouns.commands()
    for length in range(len(words), 0, -1):
        name = ' '.join(words[:length])
        if name in commands:
            shell = app.Shell()
            made = commands[name](shell, None).get_parser(f'coriolis {name}')
            return made, words[length:]
    raise AssertionError(f'there is no command {" ".join(words)!r}')


SHOWN = shown()


def test_there_are_enough_of_them() -> None:
    places = [place for place, _ in SHOWN]
    for place in ('doc/source/user/cli.rst', 'doc/source/admin/secrets.rst'):
        assert place in places
    assert len(SHOWN) > 60


@pytest.mark.parametrize(('place', 'line'), SHOWN)
def test_what_is_shown_works(
    place: str,
    line: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if '(in a sentence)' in place:
        words = line.replace('openstack migration', 'coriolis').split()[1:]
        several = [words]
    else:
        several = calls(line)
    assert several, line
    for words in several:
        if words[0] in BUILT_IN or not words[0][0].islower():
            continue
        parser, given = parser_of(words)
        for word in given:
            if FILE.match(word):
                (tmp_path / word.removeprefix('@')).write_text('{}')
        # Where something is left out, what is there is looked at.
        if '...' in given or '(in a sentence)' in place:
            known = parser._option_string_actions
            unknown = [
                word
                for word in given
                if word.startswith('-') and word.split('=')[0] not in known
            ]
            assert unknown == [], line
            continue
        monkeypatch.setattr('sys.stdin', io.StringIO('{}'))
        try:
            parser.parse_args(given)
        except SystemExit:
            pytest.fail(f'{line}\n{capsys.readouterr().err}')


@pytest.mark.parametrize(
    'line',
    [
        "coriolis endpoint create --name src --type kvm --connection '{}'",
        'coriolis endpoint make',
        'coriolis transfer execute',
    ],
)
def test_what_does_not_work_would_be_found(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        [words] = calls(line)
        parser, given = parser_of(words)
        parser.parse_args(given)
