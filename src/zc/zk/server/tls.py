"""The server's side of TLS: a wire that speaks it, and what it is set up from."""

import contextlib
import os
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from zc.zk.errors import ZooKeeperError
from zc.zk.server.link import Link
from zc.zk.server.subject import subject_of
from zc.zk.server.wire import RECEIVE_BYTES, Wire

StrPath = str | os.PathLike[str]
_HANDSHAKE = 0x16  # the type of the record that every TLS connection begins with


class TLSError(ZooKeeperError):
    """The files that TLS is set up from cannot be used."""


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """What a server shows its clients, and what it wants to see: files in PEM form.

    `certificate` may hold the chain behind it and the `key`. With `client_ca`, clients show a
    certificate that one of these authorities has issued, and are known by its subject (scheme
    `x509`); those that show none are let in where it is not `required`.
    """

    certificate: StrPath
    key: StrPath | None = None
    client_ca: StrPath | None = None
    required: bool = True
    key_password: str | None = field(default=None, repr=False)

    def context(self) -> ssl.SSLContext:
        """Return the context that these files make; raises `TLSError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION
        for path in (self.certificate, self.key, self.client_ca):
            if path is not None and not Path(path).is_file():
                raise TLSError(f"no such file: {os.fspath(path)}")
        try:
            # Without a password OpenSSL would ask the terminal for one.
            password = self.key_password or ""
            context.load_cert_chain(self.certificate, self.key, lambda: password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            names = " and ".join(os.fspath(each) for each in (self.certificate, self.key) if each)
            raise TLSError(f"no certificate and key that fit: {names}") from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except OSError as error:
                raise TLSError(f"no certificate of an authority: {self.client_ca}") from error
            context.verify_mode = ssl.CERT_REQUIRED if self.required else ssl.CERT_OPTIONAL
        return context


class SecureWire(Wire):
    """The socket of one link, in TLS. How long the handshake may take, the link's time decides."""

    __slots__ = ("_has_begun", "_incoming", "_is_open", "_outgoing", "_tls")

    def __init__(self, connection: socket.socket, link: Link, context: ssl.SSLContext) -> None:
        super().__init__(connection, link)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_begun = self._is_open = False

    @property
    def has_unsent(self) -> bool:
        """Whether TLS has something to say of its own."""
        return bool(self.unsent) or self._outgoing.pending > 0

    def receive(self) -> bytes:
        """Return what was decrypted, as `Wire.receive`; the handshake goes on meanwhile."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            return b""
        if not self._has_begun and data[0] != _HANDSHAKE:
            raise ConnectionAbortedError("not TLS")  # no alert: the peer would not understand it
        self._has_begun = True
        self._incoming.write(data)
        try:
            if not self._is_open:
                self._tls.do_handshake()
                self._open()
            return self._read()
        except ssl.SSLWantReadError:
            raise BlockingIOError from None
        except ssl.SSLError:
            self._push()  # the alert that says why
            raise

    def _read(self) -> bytes:
        """Return what was decrypted; raises `SSLWantReadError` where that is nothing."""
        plain = bytearray()
        with contextlib.suppress(ssl.SSLZeroReturnError):
            while piece := self._next_piece(bool(plain)):
                plain += piece
        return bytes(plain)

    def _next_piece(self, is_enough: bool) -> bytes:
        try:
            piece = self._tls.read(RECEIVE_BYTES)
        except ssl.SSLWantReadError:
            if is_enough:
                return b""
            raise
        if not piece:
            self.has_ended = True
        return piece

    def refill(self) -> bool:
        """Encrypt what the link has to send."""
        if not self._outgoing.pending and self._is_open:
            data = self.link.data_to_send()
            if data:
                self._tls.write(data)
        self.unsent = memoryview(self._outgoing.read())
        return bool(self.unsent)

    def say_goodbye(self) -> None:
        """Tell the peer in TLS, too: it can tell the end from a cut."""
        if self._is_open:
            with contextlib.suppress(OSError):
                self._tls.unwrap()  # writes ours, and finds that the peer's is not there yet
            self._push()
        super().say_goodbye()

    def _push(self) -> None:
        """Send what TLS has to say, if the kernel takes it: nothing comes after it anyway."""
        self.unsent = memoryview(bytes(self.unsent) + self._outgoing.read())
        with contextlib.suppress(OSError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def _open(self) -> None:
        self._is_open = True
        certificate = self._tls.getpeercert(binary_form=True)
        if certificate:  # which was verified: otherwise none was asked for
            self.link.show_certificate(subject_of(certificate))
