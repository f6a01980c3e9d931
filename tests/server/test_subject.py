"""Subjects of certificates in RFC 2253 form; what Java makes of them see test_tls_against_real."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.subjects import SUBJECTS
from zc.zk.server.subject import is_subject, subject_of

KEY = ec.generate_private_key(ec.SECP256R1())


def issued_to(subject: x509.Name) -> bytes:
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(KEY.public_key()).serial_number(1)
    builder = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    certificate = builder.sign(KEY, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("expected", SUBJECTS)
def test_a_subject_reads_as_java_writes_it(expected: str) -> None:
    assert subject_of(issued_to(SUBJECTS[expected])) == expected


@pytest.mark.parametrize(
    "name",
    [
        *SUBJECTS,
        "",
        "CN=",
        "cn=a, ou = b",
        'CN="a, b",O=c',
        "CN=a+OU=b;C=US",
        "OID.1.2.3=x",
        "1.2.3=#04024869",
        "EMAILADDRESS=a@b",
    ],
)
def test_a_subject_is_known_by_its_form(name: str) -> None:
    assert is_subject(name)


@pytest.mark.parametrize("name", ["a", "X=y", "=a", "CN=a,", "CN=a,,O=b", "CN=a<b", ",CN=a", "1=a"])
def test_what_is_no_subject_is_known_as_well(name: str) -> None:
    assert not is_subject(name)
