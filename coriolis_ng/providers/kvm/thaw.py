# SPDX-License-Identifier: Apache-2.0
"""A process of its own that thaws a guest when its parent dies.

Between freeze and thaw a guest cannot write; a worker killed there would
leave it so for ever. This program is started before the freeze, connects,
prints ``ready`` and waits on its standard input: for ``done``, or for its
end, after which it thaws. Nothing secret is in argv: what it needs comes on
the first line.
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import sys

import libvirt

from coriolis_ng.providers.kvm.connection import Access

# No freeze of ours takes as long; whoever holds it so long hangs.
LONGEST_SECONDS = 60.0


def main() -> int:
    """The program: 0 when it was told that all is done, 1 after it thawed the
    machine itself."""
    # What stops the parent must not stop the one that tidies up after it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    given = json.loads(sys.stdin.readline())
    domain = Access(given['info']).domain(given['domain'])
    print('ready', flush=True)
    ready, _, _ = select.select([sys.stdin], [], [], LONGEST_SECONDS)
    if ready and sys.stdin.readline().strip() == 'done':
        return 0
    with contextlib.suppress(libvirt.libvirtError):
        domain.fsThaw()
    return 1


if __name__ == '__main__':
    sys.exit(main())
