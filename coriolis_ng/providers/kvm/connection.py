# SPDX-License-Identifier: Apache-2.0
"""One libvirt connection, and libvirt's errors in our words."""

from __future__ import annotations

import contextlib
import re
import urllib.parse
import xml.etree.ElementTree as ET  # noqa: S405  # see parse()
from collections.abc import Iterator, Mapping
from typing import Any

import libvirt

from coriolis_ng.providers import errors
from coriolis_ng.providers.kvm import schemas

# libvirt prints each error to stderr, also those that are handled.
libvirt.registerErrorHandler(lambda *_: None, None)

_AUTH = {
    libvirt.VIR_ERR_AUTH_FAILED,
    libvirt.VIR_ERR_AUTH_CANCELLED,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE,
}
_GONE = {
    libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.VIR_ERR_NO_NETWORK,
    libvirt.VIR_ERR_NO_STORAGE_POOL,
    libvirt.VIR_ERR_NO_STORAGE_VOL,
    libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT,
    libvirt.VIR_ERR_NO_DOMAIN_BACKUP,
}
_LOST = {
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
}
_CANNOT = {
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
}
_LOCAL = (None, '', 'localhost', '127.0.0.1', '::1')


def translate(error: libvirt.libvirtError, doing: str) -> Exception:
    """The error of ours for one of libvirt's."""
    code, text = error.get_error_code(), error.get_error_message() or ''
    detail = f'libvirt {code}/{error.get_error_domain()}: {text}'
    if code in _AUTH:
        return errors.AuthFailed(
            f'libvirt refused the credentials ({doing}): {text}', detail=detail
        )
    if code in _GONE:
        return errors.NotFound(f'{doing}: {text}', detail=detail)
    if code in _LOST or 'client socket is closed' in text:
        return errors.Unreachable(
            f'libvirt does not answer ({doing}): {text}', detail=detail
        )
    if code in _CANNOT:
        return errors.Unsupported(
            f'libvirt cannot do this ({doing}): {text}', detail=detail
        )
    return errors.Conflict(f'libvirt refused ({doing}): {text}', detail=detail)


@contextlib.contextmanager
def told(doing: str) -> Iterator[None]:
    """Errors of libvirt inside become ours; ``doing`` says at what."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate(error, doing) from error


def code_of(error: libvirt.libvirtError) -> int:
    """libvirt's number of the error, a ``VIR_ERR_``."""
    return int(error.get_error_code())


def parse(text: str) -> ET.Element:
    """XML that libvirt wrote: it has no entities and no DTD."""
    return ET.fromstring(text)  # noqa: S314


class Access:
    """A connection that is opened on first use, and again when it broke.

    Raises ``InvalidInput`` for a URI other than ``uris`` allows.
    """

    uris = re.compile(schemas.URI)

    def __init__(self, info: Mapping[str, Any]) -> None:
        self.info = dict(info)
        if not self.uris.fullmatch(str(info['uri'])):
            raise errors.InvalidInput(
                'This libvirt URI is not allowed: the driver has to be qemu, '
                'the transport unix, tls, ssh or tcp, and the only parameter '
                'socket, with unix.',
                field='$.connection_info.uri',
            )
        self.uri = _uri(str(info['uri']))
        self._open: libvirt.virConnect | None = None

    def __repr__(self) -> str:
        return f'Access({self.uri})'

    @property
    def local(self) -> bool:
        """Whether that libvirt is on this machine."""
        return urllib.parse.urlsplit(self.uri).hostname in _LOCAL

    @property
    def conn(self) -> libvirt.virConnect:
        """The open connection; ``AuthFailed`` or ``Unreachable``."""
        if self._open is None or not self._open.isAlive():
            self.close()
            self._open = self._connect()
        return self._open

    def _connect(self) -> libvirt.virConnect:
        wanted = [
            libvirt.VIR_CRED_AUTHNAME,
            libvirt.VIR_CRED_PASSPHRASE,
            libvirt.VIR_CRED_ECHOPROMPT,
            libvirt.VIR_CRED_NOECHOPROMPT,
        ]
        auth = [wanted, self._answer, None]
        try:
            return libvirt.openAuth(self.uri, auth, 0)
        except libvirt.libvirtError as error:
            found = translate(error, 'connecting')
            text = error.get_error_message() or 'no reason given'
            if isinstance(found, errors.AuthFailed):
                raise errors.AuthFailed(
                    f'{self._refusal()} ({text})', detail=found.detail
                ) from error
            raise errors.Unreachable(
                f'libvirt at {self.uri} could not be reached: {text}',
                detail=str(found),
            ) from error

    def _refusal(self) -> str:
        """Names the fields; libvirt does not tell which of them is wrong."""
        lacking = [
            f'$.connection_info.{name}'
            for name in ('username', 'password')
            if self.info.get(name) is None
        ]
        if lacking:
            fields = ' and '.join(lacking)
            return f'libvirt at {self.uri} asks for credentials: set {fields}.'
        return (
            f'libvirt at {self.uri} refused the credentials: check '
            '$.connection_info.username and $.connection_info.password.'
        )

    def _answer(self, credentials: list[list[Any]], _: Any) -> int:
        """Fills in what libvirt asks for; -1 gives up. libvirt may ask for
        all at once, or for one after the other."""
        for credential in credentials:
            name = credential[0] in (
                libvirt.VIR_CRED_AUTHNAME,
                libvirt.VIR_CRED_ECHOPROMPT,
            )
            field = 'username' if name else 'password'
            value = self.info.get(field)
            if value is None:
                return -1
            credential[4] = value
        return 0

    def ping(self) -> None:
        """Asks the daemon itself, as ``Connection.ping``."""
        with told('asking for its version'):
            self.conn.getLibVersion()

    def close(self) -> None:
        """Closes it; the next use opens it again."""
        if self._open is not None:
            with contextlib.suppress(libvirt.libvirtError):
                self._open.close()
            self._open = None

    def find_domain(self, ident: str) -> libvirt.virDomain | None:
        """A machine by UUID or name; None when there is none."""
        with told('looking for the machine'):
            conn = self.conn
        for look in (conn.lookupByUUIDString, conn.lookupByName):
            try:
                return look(ident)
            except libvirt.libvirtError as error:
                if code_of(error) not in (
                    libvirt.VIR_ERR_NO_DOMAIN,
                    libvirt.VIR_ERR_INVALID_ARG,
                ):
                    raise translate(error, f'machine {ident!r}') from error
        return None

    def domain(self, ident: str) -> libvirt.virDomain:
        """A machine by UUID or name; raises ``NotFound``."""
        found = self.find_domain(ident)
        if found is None:
            raise errors.NotFound(f'There is no machine {ident!r}.')
        return found

    def pool(self, name: str) -> libvirt.virStoragePool:
        """An active storage pool; raises ``NotFound`` or ``Conflict``."""
        with told(f'storage pool {name!r}'):
            pool = self.conn.storagePoolLookupByName(name)
            if not pool.isActive():
                raise errors.Conflict(
                    f'The storage pool {name!r} is not started.'
                )
        return pool

    def network(self, name: str) -> libvirt.virNetwork:
        """A network, by name or UUID; raises ``NotFound``."""
        with told(f'network {name!r}'):
            try:
                return self.conn.networkLookupByName(name)
            except libvirt.libvirtError:
                return self.conn.networkLookupByUUIDString(name)


def _uri(uri: str) -> str:
    """Without a terminal nobody can answer what ssh asks."""
    return uri + '?no_tty=1' if uri.startswith('qemu+ssh:') else uri
