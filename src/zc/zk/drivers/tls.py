"""TLS: what a connection is secured by, and the transformer between plain and encrypted bytes.

Nothing else of the client imports `ssl`. There is no way back to plain text: what asks for TLS gets it, or an error.
"""

import contextlib
import logging
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zc.zk.errors import ArgumentError, ArgumentTypeError

StrPath = str | os.PathLike[str]
_RECORD = 16 * 1024  # bytes: the longest that TLS sends at once
_FILES = ("ca", "certificate", "key")
log = logging.getLogger("ZooKeeper")


@dataclass(frozen=True, slots=True)
class TLS:
    """What servers must prove, and what we show them: files in PEM form.

    `ca` is a file or a folder of trusted authorities, None for those that the system trusts. `certificate` is our own,
    with the chain behind it, `key` its private key where that stands in another file, `key_password` opens it.
    Without `verify_hostname`, a server may show any certificate of a trusted authority. `ciphers` is OpenSSL's list.

    With `insecure_accept_any_certificate` nothing is verified: anybody on the way can read and change everything.

    The files are read again when they have changed, for the next connection; where they cannot be used, because they
    are just being replaced, the earlier ones remain.
    """

    ca: StrPath | None = None
    certificate: StrPath | None = None
    key: StrPath | None = None
    key_password: str | bytes | None = field(default=None, repr=False)
    verify_hostname: bool = True
    ciphers: str | None = None
    insecure_accept_any_certificate: bool = False

    def __post_init__(self) -> None:
        for name in _FILES:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str | os.PathLike):
                raise ArgumentTypeError(
                    f"{name} must be the path of a file, not {type(value).__name__}"
                )
        if not isinstance(self.key_password, str | bytes | None):
            msg = f"key_password must be a string or bytes, not {type(self.key_password).__name__}"
            raise ArgumentTypeError(msg)
        if self.key is not None and self.certificate is None:
            raise ArgumentError("a key needs the certificate that it belongs to")


Setting = bool | TLS | ssl.SSLContext | None


def secured(setting: Setting) -> "Security | None":
    """Return what secures connections by the argument `tls` of a client, None for plain ones.

    Raises `ArgumentError` where the files cannot be used.
    """
    if setting is None or setting is False:
        return None
    if isinstance(setting, ssl.SSLContext):
        context = setting
        return Security(lambda: context)
    if setting is True:
        setting = TLS()
    if not isinstance(setting, TLS):
        msg = f"tls must be True, a zc.zk.TLS or an ssl.SSLContext, not {type(setting).__name__}"
        raise ArgumentTypeError(msg)
    if setting.insecure_accept_any_certificate:
        log.warning(
            "TLS without verification: anybody on the way to the servers can read and change everything"
        )
    return Security(_Contexts(setting).current)


class Security:
    """Secures connections."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context

    def begin(self, host: str) -> "Channel":
        """Return a channel to a server by its configured name; raises OSError where that cannot be one."""
        return Channel(self._context(), host)


class _Contexts:
    """The context made from files, anew when they have changed."""

    def __init__(self, settings: TLS) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._seen = self._look()
        self._context = _context(settings)

    def current(self) -> ssl.SSLContext:
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._context = _context(self._settings)
                except ArgumentError as error:
                    # They may be half replaced. Both will have changed again when they are whole.
                    log.warning("the TLS files have changed, the earlier ones remain: %s", error)
            return self._context

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(getattr(self._settings, name)) for name in _FILES]


def _stamp(path: StrPath | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _context(settings: TLS) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, and compares the name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a writer would have to wait for the reader
    if settings.insecure_accept_any_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        with _naming("the trusted certificates", settings.ca):
            is_folder = Path(settings.ca).is_dir()
            path = os.fspath(settings.ca)
            context.load_verify_locations(**{"capath" if is_folder else "cafile": path})
    if not settings.verify_hostname:
        context.check_hostname = False
    if settings.certificate is not None:
        with _naming("the certificate and its key", settings.certificate, settings.key):
            # Never without a password: OpenSSL would ask for it on the terminal.
            password = settings.key_password or b""
            context.load_cert_chain(settings.certificate, settings.key, password)
    if settings.ciphers is not None:
        with _naming("the ciphers", settings.ciphers):
            context.set_ciphers(settings.ciphers)
    return context


@contextlib.contextmanager
def _naming(what: str, *values: StrPath | None) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        named = ", ".join(str(value) for value in values if value is not None)
        why = getattr(error, "reason", None) or str(error.args[-1])
        msg = f"{what} cannot be used ({named}): {why.replace('_', ' ').lower()}"
        raise ArgumentError(msg) from error


class Channel:
    """Turns plain bytes into encrypted ones and back; it knows no socket, and no lock.

    All errors are OSErrors that say in one line what is wrong. After one, `take` still gives what the peer is to hear
    of it.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._host = host.partition("%")[0].rstrip(
            "."
        )  # certificates know no zones and no final dot
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.failure: OSError | None = None  # what `decrypt` raises next
        self.has_ended = False
        try:
            self._object = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=self._host
            )
        except ValueError as error:  # such as a label of more than 63 characters
            raise ConnectionAbortedError(f"{host!r} cannot be a TLS server's name") from error

    def take(self) -> bytes:
        """Return the encrypted bytes that are to be sent, in their order."""
        return self._outgoing.read()

    def shake_hands(self, data: bytes | None) -> bool:
        """Take what the server has said, b"" for its end, and None for nothing so far; return whether all is agreed."""
        if data is not None:
            self._feed(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise ConnectionAbortedError(_handshake_reason(error, self._host)) from error
        return True

    def encrypt(self, data: memoryview) -> None:
        """Encrypt plain bytes, to be taken."""
        try:
            while data:
                data = data[self._object.write(data) :]
        except ssl.SSLError as error:
            raise ConnectionAbortedError(_stream_reason(error)) from error

    def decrypt(self, data: bytes) -> bytes:
        """Return the plain bytes in what arrived, b"" where that has none; `has_ended` says that no more will come."""
        if self.failure is not None:
            raise self.failure
        self._feed(data)
        pieces = []
        try:
            while piece := self._object.read(_RECORD):
                pieces.append(piece)
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failure = ConnectionAbortedError(_stream_reason(error))
            if not pieces:
                raise self.failure from error
        return b"".join(pieces)

    def end(self) -> None:
        """Have the peer told that nothing more comes."""
        with contextlib.suppress(ssl.SSLError):  # it wants the answer, for which nobody waits
            self._object.unwrap()

    def _feed(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


# What is wrong, in words. The numbers are OpenSSL's X509_V_ERR_…
_WRONG_NAME = {62, 64}
_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed, and not a trusted one",
    23: "was revoked",
    **dict.fromkeys((2, 19, 20, 21), "is of an authority that is not trusted"),
}
_NO_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
_ALERTS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server requires a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the authority of our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server says that our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the server says that our certificate was revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not accept our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the server does not support our kind of certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses our certificate, or requires one",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refuses the handshake: it may require a client certificate",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server does not speak our versions of TLS",
    "UNSUPPORTED_PROTOCOL": "the server speaks only a version of TLS that is too old",
}


def _handshake_reason(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_reason(error, host)
    if isinstance(error, ssl.SSLEOFError):
        return "the server hung up in the TLS handshake: it may not speak TLS on this port"
    if getattr(error, "reason", None) in _NO_TLS:
        return "the server does not speak TLS on this port"
    return _stream_reason(error)


def _certificate_reason(error: ssl.SSLCertVerificationError, host: str) -> str:
    fault = _CERTIFICATE_FAULTS.get(error.verify_code)
    if error.verify_code in _WRONG_NAME:
        fault = f"is not for {host!r}"
    return f"the server's certificate {fault or f'is not accepted: {error.verify_message}'}"


def _stream_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLEOFError):
        return "the server hung up without ending the TLS stream"
    reason = getattr(error, "reason", None) or str(error.args[-1])
    return _ALERTS.get(reason) or f"TLS failed: {reason.replace('_', ' ').lower()}"
