# SPDX-License-Identifier: Apache-2.0
"""What the certificates of an execution say."""

from __future__ import annotations

import datetime
import ipaddress

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from coriolis_ng.transport.certificates import Certificates, make_certificates

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


def test_names_usage_and_life() -> None:
    made = make_certificates(
        ['10.0.0.7', 'worker.example', 'fe80::1'], valid_hours=2, now=NOW
    )
    ca = x509.load_pem_x509_certificate(made.ca)
    server = x509.load_pem_x509_certificate(made.server_cert)
    client = x509.load_pem_x509_certificate(made.client_cert)
    names = server.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value
    assert names.get_values_for_type(x509.DNSName) == ['worker.example']
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address('10.0.0.7'),
        ipaddress.ip_address('fe80::1'),
    ]
    for certificate, usage in (
        (server, ExtendedKeyUsageOID.SERVER_AUTH),
        (client, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        certificate.verify_directly_issued_by(ca)
        found = certificate.extensions.get_extension_for_class(
            x509.ExtendedKeyUsage
        ).value
        assert list(found) == [usage]
        end = NOW + datetime.timedelta(hours=2)
        assert certificate.not_valid_after_utc == end
        assert certificate.not_valid_before_utc < NOW


def test_it_travels_and_hides_its_keys() -> None:
    made = make_certificates(['h'])
    again = msgspec.json.decode(msgspec.json.encode(made), type=Certificates)
    assert again == made
    assert 'PRIVATE' not in f'{made!r} {made}'
    assert b'PRIVATE KEY' in made.client_key


def test_each_execution_has_its_own() -> None:
    assert make_certificates(['h']).ca != make_certificates(['h']).ca
