"""Tells whether others can listen to a connection, and warns once where a password goes over such a one."""

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable

from zc.zk.drivers.wire import peer_name
from zc.zk.protocol.repetition import Line

_HARMLESS = frozenset({"ip", "x509"})  # what they send is no secret


class Exposure:
    """What a client has to say about its passwords, once in its life: `tell` is given the line."""

    def __init__(self, tell: Callable[[Line], None]) -> None:
        self._tell = tell
        self._peer: str | None = None
        self._was_told = False

    @property
    def is_possible(self) -> bool:
        """Whether the connection is one that others can listen to, and nothing was said yet."""
        return self._peer is not None

    def connected(self, connection: socket.socket, *, is_encrypted: bool = False) -> None:
        """Look at a new connection."""
        self._peer = None
        if not self._was_told and not is_encrypted and not is_loopback(connection):
            self._peer = peer_name(connection) or None

    def warn(self, schemes: Iterable[str]) -> None:
        """Warn if one of these schemes shows a password."""
        telling = [scheme for scheme in schemes if scheme not in _HARMLESS]
        if telling and self._peer is not None:
            text = f"the {telling[0]} credential goes in clear to {self._peer}: use TLS, or SASL"
            self._tell(Line(logging.WARNING, text, "exposure"))
            self._peer = None
            self._was_told = True


def is_loopback(connection: socket.socket) -> bool:
    """Say whether a connection does not leave this machine; one that has ended says nothing any more."""
    try:
        address = connection.getpeername()
        return not isinstance(address, tuple) or _is_loopback(str(address[0]))
    except OSError:
        return True


def _is_loopback(host: str) -> bool:
    ip = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback
