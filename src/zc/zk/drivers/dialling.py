"""Makes a TCP connection, and gives up when it is told to."""

import contextlib
import ipaddress
import os
import select
import socket
import threading
from collections.abc import Callable

from zc.zk.protocol.ensemble import Endpoint

_SLICE = 0.1  # seconds between two looks at whether to go on
_Address = tuple[socket.AddressFamily, tuple[str, int]]


def dial(endpoint: Endpoint, go_on: Callable[[], bool]) -> socket.socket:
    """Return a connected, non-blocking socket to the first of the endpoint's addresses that answers.

    The name is resolved each time: what it stands for may have changed. Raises OSError; also when `go_on` turns false.
    """
    failure: OSError = ConnectionAbortedError("given up")
    for family, address in _resolve(endpoint, go_on):
        try:
            return _connect(family, address, go_on)
        except OSError as error:
            failure = error
        if not go_on():
            break
    raise failure


def _resolve(endpoint: Endpoint, go_on: Callable[[], bool]) -> list[_Address]:
    try:
        ip = ipaddress.ip_address(endpoint.host)
    except ValueError:
        return _look_up(endpoint, go_on)
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET  # noqa: PLR2004
    return [(family, (endpoint.host, endpoint.port))]


def _look_up(endpoint: Endpoint, go_on: Callable[[], bool]) -> list[_Address]:
    # The resolver takes as long as it likes and cannot be stopped: it gets a thread, and we go on without it.
    found: list[_Address] = []
    failed: list[OSError] = []

    def ask() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(
                endpoint.host, endpoint.port, type=socket.SOCK_STREAM
            ):
                found.append((family, (str(address[0]), endpoint.port)))
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError(str(error)))

    thread = threading.Thread(target=ask, name=f"resolve {endpoint.host}", daemon=True)
    thread.start()
    while thread.is_alive() and go_on():
        thread.join(_SLICE)
    if failed:
        raise failed[0]
    if not found:
        msg = f"the name {endpoint.host} was not resolved in time"
        raise TimeoutError(msg)
    return found


def _connect(
    family: socket.AddressFamily, address: tuple[str, int], go_on: Callable[[], bool]
) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.connect(address)
        while not is_writable(connection, _SLICE):
            if not go_on():
                raise TimeoutError("no connection in time")  # noqa: TRY301 (a function for it would hide it)
        _check(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: socket.socket) -> None:
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code).lower())
    if connection.getsockname() == connection.getpeername():
        # A port of the ephemeral range that nobody listens on can connect to itself.
        raise ConnectionRefusedError("connection refused")


def is_writable(connection: socket.socket, seconds: float) -> bool:
    """Wait until a socket takes bytes (or has failed), or so many seconds; return whether it does."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(connection, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))
    return bool(select.select([], [connection], [connection], seconds)[1:] != ([], []))
