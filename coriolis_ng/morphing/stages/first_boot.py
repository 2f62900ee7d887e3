# SPDX-License-Identifier: Apache-2.0
"""The user's scripts that wait for the first boot on the destination."""

from __future__ import annotations

from coriolis_ng.morphing.guest import Guest
from coriolis_ng.morphing.root import Root
from coriolis_ng.morphing.stages.base import Stage
from coriolis_ng.morphing.target import Phase, Target

FOLDER = '/usr/lib/coriolis-first-boot'
UNIT = '/etc/systemd/system/coriolis-first-boot.service'
WANTED = '/etc/systemd/system/multi-user.target.wants/'
UNIT_TEXT = f"""\
[Unit]
Description=Scripts for the first boot after a move to another cloud
After=network-online.target
Wants=network-online.target
ConditionDirectoryNotEmpty={FOLDER}

[Service]
Type=oneshot
ExecStart=/bin/sh {FOLDER}/run
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""
# The service and the scripts go first: whatever a script does, it never
# runs a second time.
RUN_TEXT = f"""\
#!/bin/sh
rm -f {WANTED}coriolis-first-boot.service {UNIT}
status=0
for script in {FOLDER}/[0-9]*; do
    [ -f "$script" ] || continue
    mv "$script" "$script.running"
    "$script.running" || {{ status=1; echo "$script failed" >&2; }}
    rm -f "$script.running"
done
rm -rf {FOLDER}
exit $status
"""


class FirstBoot(Stage):
    """Put scripts for the first boot into /usr/lib/coriolis-first-boot,
    with a service of systemd that runs them once and removes itself."""

    name = 'first_boot'

    @classmethod
    def applies(cls, guest: Guest, target: Target) -> bool:
        """Where the user gave scripts for that phase."""
        return guest.is_linux and bool(target.scripts(Phase.FIRST_BOOT))

    def run(self, root: Root, guest: Guest, target: Target) -> None:
        """Puts the scripts and a systemd unit that runs them once into the
        guest."""
        scripts = target.scripts(Phase.FIRST_BOOT)
        if guest.init != 'systemd':
            self.note('No systemd: scripts for the first boot do not run.')
            return
        for number, script in enumerate(scripts):
            payload = script.payload
            if not payload.startswith('#!'):
                payload = '#!/bin/sh\n' + payload
            root.write(f'{FOLDER}/{number:02}', payload, 0o700)
        root.write(f'{FOLDER}/run', RUN_TEXT, 0o700)
        root.write(UNIT, UNIT_TEXT)
        root.symlink(UNIT, WANTED + 'coriolis-first-boot.service')
        self.note(f'{len(scripts)} scripts wait for the first boot.')
