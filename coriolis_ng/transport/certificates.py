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
    start = moment - datetime.timedelta(hours=1)
    end = moment + datetime.timedelta(hours=valid_hours)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name('coriolis execution CA')
    ca = (
        _builder(ca_name, ca_name, ca_key, start, end)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    ends = []
    for common, usage, names in (
        ('coriolis agent', ExtendedKeyUsageOID.SERVER_AUTH, hosts),
        ('coriolis worker', ExtendedKeyUsageOID.CLIENT_AUTH, ()),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(common), ca_name, key, start, end)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    ca_key.public_key()
                ),
                critical=False,
            )
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(h) for h in names]),
                critical=False,
            )
        ends += [
            _pem(builder.sign(ca_key, hashes.SHA256())),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        ]
    return Certificates(
        ca=_pem(ca),
        server_cert=ends[0],
        server_key=ends[1],
        client_cert=ends[2],
        client_key=ends[3],
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: datetime.datetime,
    end: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


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


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
