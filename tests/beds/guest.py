# SPDX-License-Identifier: Apache-2.0
"""A guest of a ``libvirt.Cloud``: define, start, wait for it, run commands."""

import contextlib
import pathlib
import secrets
import shlex
import subprocess
import time
from xml.sax import saxutils

import libvirt
import libvirt_qemu

from tests.beds import cache, images
from tests.beds import libvirt as bed

BOOT_SECONDS = 300

# libvirt prints each error, also those that are expected and handled.
libvirt.registerErrorHandler(lambda *_: None, None)


class Guest:
    """One machine, with overlays of ``image`` in the cloud's pool.

    ``disks`` are its paths, root first; ``serial`` is what it printed.
    """

    def __init__(
        self,
        cloud: bed.Cloud,
        name: str,
        image: images.Image | None = None,
        *,
        memory_mib: int = 512,
        vcpus: int = 2,
        seed: pathlib.Path | None = None,
        disk_format: str = 'qcow2',
    ) -> None:
        self.cloud = cloud
        self.name = name
        self.mac = '52:54:00:' + secrets.token_bytes(3).hex(':')
        self.serial = cloud.base / f'{name}.serial'
        self.disks = _disks(cloud, name, image or images.guest(), disk_format)
        self.xml = _domain(self, memory_mib=memory_mib, vcpus=vcpus, seed=seed)
        with self._domain() as domain:
            domain.create()

    def wait_for_ssh(self, seconds: float = BOOT_SECONDS) -> float:
        """Wait until a command runs in it; gives the seconds it took."""
        return _wait(seconds, self._has_ssh, f'SSH to {self.name}')

    def wait_for_agent(self, seconds: float = BOOT_SECONDS) -> float:
        """Wait until the guest agent answers; gives the seconds."""
        return _wait(seconds, self._has_agent, f'agent of {self.name}')

    @property
    def address(self) -> str:
        """The address that the network leased to it; empty when none."""
        with self._domain() as domain:
            return address_of(domain)

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command as root over SSH; gives its output."""
        return ssh(self.address, command, check=check)

    def start(self) -> None:
        with self._domain() as domain:
            domain.create()

    def destroy(self) -> None:
        """Pull the plug; the machine stays defined."""
        with self._domain() as domain:
            if domain.isActive():
                domain.destroy()

    def shut_down(self, seconds: float = 120) -> float:
        """Ask it to power off and wait; gives the seconds."""
        with self._domain() as domain:
            domain.shutdown()
            return _wait(
                seconds, lambda: not domain.isActive(), f'{self.name} off'
            )

    def remove(self) -> None:
        """Destroy, undefine and delete the disks."""
        self.destroy()
        with self._domain() as domain:
            domain.undefineFlags(
                libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
                | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
            )
        for path in self.disks:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _domain(self):  # noqa: ANN202
        conn = self.cloud.connect()
        try:
            try:
                yield conn.lookupByName(self.name)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                yield conn.defineXML(self.xml)
        finally:
            conn.close()

    def _has_ssh(self) -> bool:
        address = self.address
        return bool(address) and answers(address)

    def _has_agent(self) -> bool:
        with self._domain() as domain:
            return agent_answers(domain)


def address_of(domain: libvirt.virDomain) -> str:
    """A machine's address by its lease, without asking an agent."""
    found = domain.interfaceAddresses(
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE
    )
    for interface in found.values():
        for address in interface['addrs'] or ():
            return str(address['addr'])
    return ''


def agent_answers(domain: libvirt.virDomain) -> bool:
    try:
        libvirt_qemu.qemuAgentCommand(domain, '{"execute":"guest-ping"}', 5, 0)
    except libvirt.libvirtError:
        return False
    return True


def answers(address: str) -> bool:
    """Whether root's SSH at ``address`` runs a command."""
    return _ssh(address, 'true').returncode == 0


def ssh(address: str, command: str, *, check: bool = True) -> str:
    """Run a shell command as root at ``address``; gives its output.

    Raises ``RuntimeError`` with the standard error when it fails.
    """
    done = _ssh(address, command)
    if check and done.returncode:
        raise RuntimeError(f'{command!r} in {address}: {done.stderr.strip()}')
    return done.stdout


def _ssh(address: str, command: str) -> subprocess.CompletedProcess[str]:
    options = [
        'BatchMode=yes',
        'ConnectTimeout=15',
        # A lab machine: its key is new each time and its address is ours.
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'GlobalKnownHostsFile=/dev/null',
        'LogLevel=ERROR',
        # The default exchange is post-quantum: a second when emulated.
        'KexAlgorithms=curve25519-sha256',
    ]
    flags = [word for option in options for word in ('-o', option)]
    return subprocess.run(
        ['ssh', '-F', 'none', '-i', str(cache.lab_key()), *flags]
        + [f'root@{address}', f'sh -c {shlex.quote(command)}'],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def _wait(seconds: float, ready, what: str) -> float:  # noqa: ANN001
    started = time.monotonic()
    while not ready():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f'{what}: not after {seconds:.0f} s')
        time.sleep(0.3)
    return time.monotonic() - started


def _disks(
    cloud: bed.Cloud, name: str, image: images.Image, disk_format: str
) -> list[pathlib.Path]:
    made = []
    sources = [path for path in (image.root, image.data) if path]
    for letter, source in zip('ab', sources, strict=False):
        path = cloud.base / f'pools/default/{name}-vd{letter}.{disk_format}'
        # A copy, not an overlay: a disk with a backing file is a case of its
        # own, and the ordinary one is a disk that stands alone.
        if disk_format == 'qcow2':
            command = ['cp', '--reflink=auto', '--sparse=always']
        else:
            command = ['qemu-img', 'convert', '-O', disk_format]
        subprocess.run([*command, str(source), str(path)], check=True)
        made.append(path)
    return made


def _domain(
    guest: Guest, *, memory_mib: int, vcpus: int, seed: pathlib.Path | None
) -> str:
    kind = guest.cloud.virt_type
    disks = [(path, path.suffix[1:], '') for path in guest.disks]
    if seed is not None:
        disks.append((seed, 'raw', '<readonly/>'))
    devices = ''.join(
        f"<disk type='file' device='disk'>"
        f"<driver name='qemu' type='{form}' cache='unsafe' discard='unmap'/>"
        f"<source file='{saxutils.escape(str(path))}'/>"
        f"<target dev='vd{letter}' bus='virtio'/>{more}</disk>"
        for letter, (path, form, more) in zip('abcdef', disks, strict=False)
    )
    # Emulated, a poor CPU starts sooner: each feature of a rich one makes
    # the kernel load and self-test modules for it.
    cpu = (
        "<cpu mode='host-passthrough'/>"
        if kind == 'kvm'
        else "<cpu mode='custom'><model>qemu64</model>"
        "<feature policy='disable' name='svm'/></cpu>"
    )
    return (
        f"<domain type='{kind}'><name>{saxutils.escape(guest.name)}</name>"
        f"<memory unit='MiB'>{memory_mib}</memory><vcpu>{vcpus}</vcpu>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
        f'<features><acpi/></features>{cpu}'
        "<clock offset='utc'/><devices>"
        f'{devices}'
        f"<interface type='network'><mac address='{guest.mac}'/>"
        "<source network='default'/><model type='virtio'/><rom enabled='no'/>"
        # The name of the interface in the guest, enp1s0, comes from here.
        "<address type='pci' bus='0x01' slot='0x00' function='0x0'/>"
        '</interface>'
        "<channel type='unix'>"
        "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        f"<serial type='file'><source path='{guest.serial}'/></serial>"
        "<rng model='virtio'><backend model='random'>/dev/urandom"
        "</backend></rng><memballoon model='none'/>"
        '</devices></domain>'
    )
