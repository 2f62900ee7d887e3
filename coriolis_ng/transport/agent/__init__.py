# SPDX-License-Identifier: Apache-2.0
"""The agent: a small HTTPS server that a worker VM runs to take bytes.

The modules beside this one are the agent itself; they use the standard
library of Python 3.6 only, and import nothing of ours but each other.
"""

import io
import os
import zipfile

MODULES = ('http.py', 'disks.py', 'service.py', 'server.py')
_MAIN = b"""\
import sys
from coriolis_agent.server import main
sys.exit(main())
"""


def agent_program() -> bytes:
    """The agent as one file, to be run as ``python3 FILE``.

    The same bytes for the same sources, so a digest can name a version.
    """
    here = os.path.dirname(__file__)
    members = {'__main__.py': _MAIN, 'coriolis_agent/__init__.py': b''}
    for name in MODULES:
        with open(os.path.join(here, name), 'rb') as file:
            members['coriolis_agent/' + name] = file.read()
    buffer = io.BytesIO(b'#!/usr/bin/env python3\n')
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, 'a', zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()
