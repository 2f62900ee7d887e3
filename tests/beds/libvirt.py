# SPDX-License-Identifier: Apache-2.0
"""A KVM "cloud" on this machine: a libvirtd apart from every other one.

libvirtd's paths are compiled in, so each cloud has a mount namespace in which
they are directories of its own. Clients outside use the socket by its path.
Two clouds share the machine's network namespace: each network has a bridge
and a subnet of its own, without firewall rules, so they cannot quarrel.
"""

import contextlib
import ipaddress
import json
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import libvirt

from tests.beds import cache, kvm, process

# What libvirtd holds where, and our directory for it.
PATHS = {
    '/run/libvirt': 'run',
    '/var/lib/libvirt': 'lib',
    '/var/cache/libvirt': 'cache',
    '/var/log/libvirt': 'log',
    '/etc/libvirt': 'etc',
}
QEMU_CONF = """
security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
"""
LIBVIRTD_CONF = """
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "{how}"
log_outputs = "2:stderr"
"""


SASL_CONF = """
mech_list: scram-sha-256
auxprop_plugin: sasldb
sasldb_path: {path}
"""
# A sasldb is a hash of Berkeley DB: user, realm and property in a key. Its
# own program, of sasl2-bin, is not worth an installation.
SASL_USER = """
use DB_File; use Fcntl;
tie my %h, 'DB_File', shift, O_RDWR|O_CREAT, 0600, $DB_HASH or die $!;
chomp(my ($user, $password) = <STDIN>);
$h{"$user\\0$_\\0userPassword"} = $password for @ARGV;
"""


class Cloud:
    """One libvirtd with its pools, networks and machines.

    ``uri`` opens it from any process of this machine's root. ``base`` holds
    everything; ``close`` removes it, with every machine that still runs.
    With a ``login`` (user name, password) it asks for them, by SASL.
    """

    def __init__(
        self,
        name: str,
        parent: pathlib.Path | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.name = name
        # Socket paths may have 107 characters: keep it short.
        self.base = pathlib.Path(
            tempfile.mkdtemp(
                prefix=f'cng-{name[:12]}-', dir=parent or '/var/tmp'
            )
        )
        process.own(self.base)
        for folder in PATHS.values():
            (self.base / folder).mkdir()
        (self.base / 'etc/qemu.conf').write_text(QEMU_CONF)
        self.mounts = dict(PATHS)
        self._login = login
        how = 'none' if login is None else self._know(*login)
        (self.base / 'etc/libvirtd.conf').write_text(
            LIBVIRTD_CONF.format(how=how)
        )
        self.socket = self.base / 'run/libvirt-sock'
        self.uri = f'qemu+unix:///system?socket={self.socket}'
        self.virt_type = kvm.virt_type()
        self.bridges: list[str] = []
        self._daemon: process.Server | None = None

    def __enter__(self) -> Self:
        try:
            sweep()
            self.start_daemon()
            self.add_pool('default')
            self.add_network('default')
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> libvirt.virConnect:
        """A new connection; close it yourself."""
        kinds = [libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE]
        return libvirt.openAuth(self.uri, [kinds, self._answer, None], 0)

    def _answer(self, asked: list[list[object]], _: object) -> int:
        if self._login is None:
            return -1
        for one in asked:
            one[4] = self._login[one[0] == libvirt.VIR_CRED_PASSPHRASE]
        return 0

    def _know(self, user: str, password: str) -> str:
        """Make a SASL user, for this libvirtd only."""
        folder = self.base / 'sasl2'
        folder.mkdir()
        path = folder / 'sasldb2'
        realms = {socket.gethostname(), socket.getfqdn()}
        subprocess.run(
            ['perl', '-e', SASL_USER, str(path), *sorted(realms)],
            input=f'{user}\n{password}\n',
            text=True,
            check=True,
        )
        (folder / 'libvirt.conf').write_text(SASL_CONF.format(path=path))
        self.mounts['/etc/sasl2'] = 'sasl2'
        return 'sasl'

    @contextlib.contextmanager
    def connection(self) -> Iterator[libvirt.virConnect]:
        """A connection for the length of a ``with``."""
        conn = self.connect()
        try:
            yield conn
        finally:
            conn.close()

    def start_daemon(self) -> None:
        """Start libvirtd; it finds the machines that went on without it."""
        self._reuse_answers()
        # The package of the daemon alone brings only some of them.
        for theirs in self.mounts:
            pathlib.Path(theirs).mkdir(parents=True, exist_ok=True)
        mounts = [
            f'mount --bind {self.base / ours} {theirs}'
            for theirs, ours in self.mounts.items()
        ]
        script = ' && '.join(
            [
                *mounts,
                'exec libvirtd -f /etc/libvirt/libvirtd.conf '
                '-p /run/libvirt/libvirtd.pid',
            ]
        )
        self._daemon = process.Server(
            ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script],
            self.base / 'libvirtd.log',
        )
        self._daemon.wait_until(self._answers, 60, f'libvirtd {self.name}')

    def stop_daemon(self) -> None:
        """The cloud's control plane is gone; its machines go on."""
        if self._daemon is not None:
            self._daemon.stop()
            self._daemon = None

    @property
    def daemon_pid(self) -> int:
        if self._daemon is None:
            raise RuntimeError(f'libvirtd {self.name} does not run')
        return self._daemon.pid

    def add_pool(self, name: str, path: pathlib.Path | None = None) -> str:
        """Make and start a directory pool; gives its path."""
        path = path or self.base / 'pools' / name
        path.mkdir(parents=True, exist_ok=True)
        with self.connection() as conn:
            pool = conn.storagePoolDefineXML(
                f"<pool type='dir'><name>{name}</name>"
                f'<target><path>{path}</path></target></pool>'
            )
            pool.setAutostart(1)
            pool.create()
        return str(path)

    def add_network(self, name: str) -> ipaddress.IPv4Network:
        """Make and start a network with DHCP, reachable from this machine.

        There is no way out of it, and no rule of a firewall is touched.
        """
        bridge = f'cng{secrets.token_hex(4)}'
        subnet = _free_subnet()
        with self.connection() as conn:
            network = conn.networkDefineXML(
                f'<network><name>{name}</name>'
                f"<forward mode='open'/><bridge name='{bridge}' stp='off'/>"
                f"<ip address='{subnet[1]}' netmask='{subnet.netmask}'><dhcp>"
                f"<range start='{subnet[10]}' end='{subnet[250]}'/>"
                '</dhcp></ip></network>'
            )
            self.bridges.append(bridge)
            with (self.base / 'bridges').open('a') as file:
                file.write(f'{bridge}\n')
            network.setAutostart(1)
            network.create()
        return subnet

    def leftovers(self) -> dict[str, list[str]]:
        """Names of all machines, volumes (by pool) and checkpoints."""
        found: dict[str, list[str]] = {}
        with self.connection() as conn:
            domains = conn.listAllDomains()
            found['machines'] = sorted(dom.name() for dom in domains)
            found['checkpoints'] = sorted(
                f'{dom.name()}/{point.getName()}'
                for dom in domains
                for point in dom.listAllCheckpoints()
            )
            found['volumes'] = sorted(
                f'{pool.name()}/{entry.name}'
                for pool in conn.listAllStoragePools()
                for entry in pathlib.Path(_target(pool)).iterdir()
            )
        return found

    def close(self) -> None:
        """End every machine, the daemon and the networks; remove ``base``."""
        self.stop_daemon()
        self._keep_answers()
        _clear(self.base, self.bridges)
        self.bridges.clear()

    # Asking QEMU what it can do takes seconds; the answer holds until the
    # binary of QEMU or of libvirt changes, which libvirt checks itself.
    def _reuse_answers(self) -> None:
        mine = self.base / 'cache/qemu/capabilities'
        kept = cache.root() / 'qemu-answers'
        if kept.is_dir() and not mine.exists():
            shutil.copytree(kept, mine)

    def _keep_answers(self) -> None:
        mine = self.base / 'cache/qemu/capabilities'
        kept = cache.root() / 'qemu-answers'
        with cache.lock('qemu-answers'):
            for path in mine.glob('*.xml'):
                kept.mkdir(exist_ok=True)
                shutil.copy2(path, kept)

    def _answers(self) -> bool:
        if not self.socket.exists():
            return False
        try:
            self.connect().close()
        except libvirt.libvirtError:
            return False
        return True


def sweep(parent: pathlib.Path = pathlib.Path('/var/tmp')) -> list[str]:
    """Clear clouds whose makers were killed; gives their directories."""
    found = []
    for base in parent.glob('cng-*'):
        if not process.orphaned(base):
            continue
        found.append(str(base))
        bridges = base / 'bridges'
        _clear(base, bridges.read_text().split() if bridges.exists() else [])
    return found


def _clear(base: pathlib.Path, bridges: list[str]) -> None:
    """End all that runs for the cloud at ``base``, and remove it.

    Not through libvirt: it may be gone, and this is the same either way.
    """
    for pidfile in (base / 'run').rglob('*.pid'):
        with contextlib.suppress(ValueError, OSError):
            pid = int(pidfile.read_text())
            if _belongs(pid):
                process.end(pid, hows=(signal.SIGKILL,))
    for bridge in bridges:
        subprocess.run(
            ['ip', 'link', 'delete', bridge],
            check=False,
            stderr=subprocess.DEVNULL,
        )
    shutil.rmtree(base, ignore_errors=True)


def _target(pool: libvirt.virStoragePool) -> str:
    return pool.XMLDesc().partition('<path>')[2].partition('</path>')[0]


def _belongs(pid: int) -> bool:
    """Process ids are used again: look before ending one from a file."""
    try:
        line = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
    except OSError:
        return False
    program = pathlib.Path(line.split(b'\0')[0].decode()).name
    return program.startswith(('qemu-system-', 'dnsmasq', 'swtpm', 'libvirtd'))


def _free_subnet() -> ipaddress.IPv4Network:
    out = subprocess.run(
        ['ip', '-j', 'route'], check=True, capture_output=True
    ).stdout
    taken = [
        ipaddress.ip_network(row['dst'], strict=False)
        for row in json.loads(out)
        if row['dst'] != 'default'
    ]
    while True:
        subnet = ipaddress.IPv4Network(
            f'10.{128 + secrets.randbelow(127)}.{secrets.randbelow(256)}.0/24'
        )
        if not any(subnet.overlaps(other) for other in taken):
            return subnet


@contextlib.contextmanager
def two_clouds() -> Iterator[tuple[Cloud, Cloud]]:
    """(source, destination), kept apart in everything but the kernel."""
    with Cloud('source') as source, Cloud('destination') as destination:
        yield source, destination
