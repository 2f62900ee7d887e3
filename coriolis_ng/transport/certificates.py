# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one execution, and the two ends it vouches for.

Made by the worker and dropped with the execution; nothing else trusts it, so
there is nothing to revoke.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coriolis_ng.objects import Value


class Certificates(Value):
    """PEM of everything; the keys are secrets and are to be kept as such.

    The key of the authority itself is forgotten: nobody can add a third end.
    """

    ca: bytes
    server_cert: bytes
    server_key: bytes
    client_cert: bytes
    client_key: bytes

    def __repr__(self) -> str:
        return 'Certificates(***)'

    def client_context(self) -> ssl.SSLContext:
        """TLS as the client of the agent: 1.2 or later, its name checked."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca.decode('ascii'))
        # The ssl module takes a key from a file only.
        with tempfile.TemporaryDirectory(prefix='coriolis-') as folder:
            path = Path(folder, 'client.pem')
            path.touch(mode=0o600)
            path.write_bytes(self.client_key + self.client_cert)
            context.load_cert_chain(path)
        return context


def make_certificates(
    hosts: Sequence[str],
    *,
    valid_hours: float = 7 * 24,
    now: datetime.datetime | None = None,
) -> Certificates:
    """A fresh authority with one server and one client certificate.

    ``hosts`` are the names and addresses that the agent is reached by.
    Certificates begin an hour ago: clocks of fresh machines run behind.
    """
    moment = now or datetime.datetime.now(datetime.UTC)
    times = (
        moment - datetime.timedelta(hours=1),
        moment + datetime.timedelta(hours=valid_hours),
    )
    authority = _Authority(times)
    server_cert, server_key = authority.vouch(
        'coriolis agent', ExtendedKeyUsageOID.SERVER_AUTH, hosts
    )
    client_cert, client_key = authority.vouch(
        'coriolis worker', ExtendedKeyUsageOID.CLIENT_AUTH
    )
    return Certificates(
        ca=authority.pem,
        server_cert=server_cert,
        server_key=server_key,
        client_cert=client_cert,
        client_key=client_key,
    )


class _Authority:
    """A key that lives as long as this object, and its certificate.

    ``times`` are when all that it vouches for begins and ends to be valid.
    """

    def __init__(
        self, times: tuple[datetime.datetime, datetime.datetime]
    ) -> None:
        self._times = times
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name('coriolis execution CA')
        public = self._key.public_key()
        self.pem = self._sign(
            self._builder(self._name, public, path_length=0)
            .add_extension(_usage(sign=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public),
                critical=False,
            )
        )

    def vouch(
        self,
        common: str,
        usage: x509.ObjectIdentifier,
        hosts: Sequence[str] = (),
    ) -> tuple[bytes, bytes]:
        """A certificate of that name and purpose, and its new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(_name(common), key.public_key())
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                ),
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(h) for h in hosts]),
                critical=False,
            )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._sign(builder), private

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        path_length: int | None = None,
    ) -> x509.CertificateBuilder:
        """``path_length`` makes it one of an authority."""
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._times[0])
            .not_valid_after(self._times[1])
            .add_extension(
                x509.BasicConstraints(path_length is not None, path_length),
                critical=True,
            )
        )

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )
