"""Make certificates and keys: of servers, of clients, and such as must not be trusted."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEY_PASSWORD = "open sesame"

A_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key in PEM files, apart and (`both`) together, as Java wants them.

    The key in `locked_key` is the same, under KEY_PASSWORD.
    """

    certificate: Path
    key: Path
    both: Path
    locked_key: Path


class Authority:
    """One who issues certificates; `certificate` is the file that makes others trust them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _subject(name)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self._subject, self._key.public_key(), -A_DAY, 30 * A_DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        hosts: Iterable[str] = (),
        *,
        is_expired: bool = False,
        subject: x509.Name | None = None,
    ) -> Identity:
        """Make the identity of `name`, or `subject`; valid for hosts and IP addresses where they are given."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = -A_DAY if is_expired else 30 * A_DAY
        builder = self._builder(subject or _subject(name), key.public_key(), -2 * A_DAY, until)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if names := [_general_name(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return self._write(name, certificate, key)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        begins: dt.timedelta,
        ends: dt.timedelta,
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        own = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )

    def _write(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Identity:
        stem = self._folder / name
        identity = Identity(
            stem.with_suffix(".certificate.pem"),
            stem.with_suffix(".key.pem"),
            stem.with_suffix(".pem"),
            stem.with_suffix(".locked.pem"),
        )
        certificate_text = certificate.public_bytes(serialization.Encoding.PEM)
        key_text = _key_text(key, serialization.NoEncryption())
        lock = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
        identity.certificate.write_bytes(certificate_text)
        identity.key.write_bytes(key_text)
        identity.both.write_bytes(key_text + certificate_text)
        identity.locked_key.write_bytes(_key_text(key, lock))
        return identity


class Keys:
    """All that a test of TLS needs, in files of one folder.

    `authority` is whom servers and clients trust, the file of its certificate is `trusted`;
    `stranger` is nobody's friend.
    """

    def __init__(self, folder: Path) -> None:
        loopback = ["localhost", "127.0.0.1", "::1"]
        self.authority = Authority(folder, "authority")
        self.stranger = Authority(folder, "stranger")
        self.trusted = self.authority.certificate
        self.server = self.authority.issue("server", loopback)
        self.client = self.authority.issue("client")
        self.wrong_host = self.authority.issue("wrong-host", ["elsewhere.example", "192.0.2.1"])
        self.expired = self.authority.issue("expired", loopback, is_expired=True)
        self.untrusted_server = self.stranger.issue("untrusted-server", loopback)
        self.untrusted_client = self.stranger.issue("untrusted-client")


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_text(
    key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
