# SPDX-License-Identifier: Apache-2.0
"""The release before this one, as it was: its modules and its metadata, kept
beside the tests that run it together with this one.

``python -m tests.beds.release WHEEL`` keeps another one; do it for each
release, right after it was made.
"""

import argparse
import io
import lzma
import pathlib
import tarfile
import zipfile

PLACE = pathlib.Path(__file__).parents[1] / 'integration' / 'releases'
# What no process imports in these tests; the rest is kept as it is.
LEFT_OUT = (
    'coriolis_ng/client/',
    'coriolis_ng/providers/kvm/',
    'coriolis_ng/wsgi/',
)


def kept() -> pathlib.Path:
    """The file of the release before."""
    [file] = PLACE.glob('coriolis_ng-*.tar.xz')
    return file


def version() -> str:
    """Such as ``1.0.0``."""
    return kept().name.removeprefix('coriolis_ng-').removesuffix('.tar.xz')


def unpack(folder: pathlib.Path) -> pathlib.Path:
    """What to put in front of Python's path to run that release."""
    with tarfile.open(kept()) as archive:
        archive.extractall(folder)  # noqa: S202 - ours
    return folder


def keep(wheel: pathlib.Path) -> pathlib.Path:
    """Keeps a wheel instead of the one before; gives the new file."""
    made = PLACE / f'{"-".join(wheel.name.split("-")[:2])}.tar.xz'
    raw = io.BytesIO()
    with (
        zipfile.ZipFile(wheel) as source,
        tarfile.open(fileobj=raw, mode='w') as archive,
    ):
        for name in sorted(source.namelist()):
            if not name.startswith(LEFT_OUT) and '.data/' not in name:
                entry = tarfile.TarInfo(name)
                content = source.read(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    for old in PLACE.glob('coriolis_ng-*.tar.xz'):
        old.unlink()
    made.write_bytes(
        lzma.compress(raw.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    )
    return made


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('wheel', type=pathlib.Path)
    print(keep(parser.parse_args().wheel))
