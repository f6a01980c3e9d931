"""Reaches one of several servers: over TCP and, where that is asked for, TLS."""

import contextlib
import os
import select
import socket
import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from zc.zk.drivers.tls import Channel, Security
from zc.zk.drivers.wire import SecureWire, Wire
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.race import Attempt, Race

_SLICE = 0.1  # seconds between two looks at whether to go on
_CHUNK = 64 * 1024  # bytes of a handshake read at once


class Judge(Protocol):
    """Who decides how long to try, and is told what came of it."""

    def go_on(self) -> bool:
        """Return whether to go on; asked several times a second."""

    def trying(self, server: Endpoint) -> None:
        """Note that a server is being tried."""

    def unreachable(self, server: Endpoint, reason: str, attempts: int) -> float:
        """Note that a server does not do; return the pause in seconds before it, or the next, may be tried."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A server, the connection to it, and what encrypts there, if that was asked for."""

    server: Endpoint
    connection: socket.socket
    channel: Channel | None

    def wire(self) -> Wire:
        """Return the connection for a thread to read from."""
        if self.channel is None:
            return Wire(self.connection)
        return SecureWire(self.connection, self.channel)


def dial(
    servers: Sequence[Endpoint], timeout: float, security: Security | None, judge: Judge
) -> Reached | None:
    """Return the first of the servers that could be reached, None when there is none or the judge says so.

    The next is tried when one is silent for a moment. Each attempt has `timeout` seconds, its TLS handshake included.
    Names are looked up each time: what they stand for may have changed.
    """
    course = Course(servers, timeout, security, judge)
    try:
        reached = None
        while reached is None and course.goes_on():
            reached = course.advance(_ready(course.wanted, course.pause))
        return reached
    finally:
        course.close()


class Course:
    """One race, its sockets, and the threads that look names up; who runs it waits for the sockets."""

    def __init__(
        self, servers: Sequence[Endpoint], timeout: float, security: Security | None, judge: Judge
    ) -> None:
        self._race = Race(servers, timeout, monotonic())
        self._timeout = timeout
        self._security = security
        self._judge = judge
        self._tries: dict[Attempt, _Try | _LookUp] = {}

    def goes_on(self) -> bool:
        """Begin the attempts that are due; return whether there is anything to wait for."""
        if self._race.is_over or not self._judge.go_on():
            return False
        self._start()
        return True

    @property
    def pause(self) -> float:
        """How many seconds to wait for the sockets at most."""
        return min(_SLICE, max(0.0, self._race.deadline() - monotonic()))

    @property
    def wanted(self) -> Mapping[socket.socket, tuple[bool, bool]]:
        """The sockets to wait for, and whether for reading and for writing."""
        return {each.watched: each.wants for each in self._tries.values()}

    def advance(self, ready: Container[socket.socket]) -> Reached | None:
        """Go on with the sockets that are ready; return a server when one is reached."""
        for attempt, each in list(self._tries.items()):
            if each.watched in ready:
                reached = self._advance(attempt, each)
                if reached is not None:
                    return reached
        self._expire()
        return None

    def close(self) -> None:
        """Give up the attempts that are under way."""
        for each in self._tries.values():
            each.close()

    def _start(self) -> None:
        while (attempt := self._race.start(monotonic())) is not None:
            self._judge.trying(attempt.server)
            try:
                if attempt.address is None:
                    self._tries[attempt] = _LookUp(attempt.server)
                else:
                    self._tries[attempt] = _Try(attempt.server, attempt.address, self._security)
            except OSError as error:
                self._failed(attempt, reason_of(error))

    def _advance(self, attempt: Attempt, each: "_Try | _LookUp") -> Reached | None:
        try:
            if isinstance(each, _LookUp):
                addresses = each.result()
                self._drop(attempt)
                self._race.resolved(attempt, addresses, monotonic())
            elif each.advance():
                del self._tries[attempt]
                return Reached(attempt.server, each.watched, each.channel)
        except OSError as error:
            self._failed(attempt, reason_of(error))
        return None

    def _expire(self) -> None:
        now = monotonic()
        for attempt in [each for each in self._race.running if now >= each.until]:
            self._failed(attempt, f"{self._tries[attempt].silence} within {self._timeout:g} s")

    def _failed(self, attempt: Attempt, reason: str) -> None:
        self._drop(attempt)
        now = monotonic()
        report = self._race.failed(attempt, reason, now)
        if report is not None:
            pause = self._judge.unreachable(report.server, report.reason, report.attempts)
            self._race.hold_off(pause, now)

    def _drop(self, attempt: Attempt) -> None:
        each = self._tries.pop(attempt, None)
        if each is not None:
            each.close()


class _LookUp:
    """The question for a name's addresses: it takes as long as it likes and cannot be stopped, so it gets a thread."""

    wants = (True, False)

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._found: list[Endpoint] = []
        self._error: OSError | None = None
        self.watched, self._done = socket.socketpair()
        self.silence = f"the name {server.host} was not resolved"
        threading.Thread(target=self._ask, name=f"resolve {server.host}", daemon=True).start()

    def _ask(self) -> None:
        host, port = self._server.host, self._server.port
        try:
            for _, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                self._found.append(Endpoint(_with_zone(address), port))
        except OSError as error:
            self._error = error
        except UnicodeError as error:
            self._error = OSError(str(error))
        with contextlib.suppress(OSError):
            self._done.shutdown(socket.SHUT_RDWR)  # nobody may be waiting any more
        self._done.close()

    def result(self) -> list[Endpoint]:
        if self._error is not None:
            raise self._error
        if not self._found:
            raise OSError(f"the name {self._server.host} has no address")
        return self._found

    def close(self) -> None:
        self.watched.close()


def _with_zone(address: tuple[object, ...]) -> str:
    host, zone = str(address[0]), address[3:]  # IPv6 has four parts
    return f"{host}%{zone[0]}" if zone and zone[0] and "%" not in host else host


class _Try:
    """One connection in the making."""

    def __init__(self, server: Endpoint, address: Endpoint, security: Security | None) -> None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._server = server
        self._security = security
        self.channel: Channel | None = None
        self._unsent = b""
        self.watched = socket.socket(family, socket.SOCK_STREAM)
        self.wants = (False, True)
        self.silence = "no answer"
        try:
            self.watched.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                self.watched.connect((address.host, address.port))
        except BaseException:
            self.close()
            raise

    def advance(self) -> bool:
        """Go as far as it goes now, return whether that is the end; raises OSError."""
        if self.channel is None:
            _check(self.watched)
            self.watched.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._security is None:
                return True
            self.channel = self._security.begin(self._server.host)
            self.silence = "no TLS handshake"
            return self._shake_hands(self.channel, None)
        try:
            data = self.watched.recv(_CHUNK) if self.wants[0] else None
        except BlockingIOError:
            data = None
        except ConnectionResetError:
            data = b""  # what a server does that takes a handshake for a request that is too long
        return self._shake_hands(self.channel, data)

    def _shake_hands(self, channel: Channel, data: bytes | None) -> bool:
        try:
            is_done = channel.shake_hands(data)
        finally:
            self._unsent += channel.take()  # on failure, too: the server is told why
            with contextlib.suppress(OSError):  # the next reading meets the same end
                self._unsent = self._unsent[self.watched.send(self._unsent) :]
        self.wants = (not is_done, bool(self._unsent))
        return is_done and not self._unsent

    def close(self) -> None:
        self.watched.close()


def _check(connection: socket.socket) -> None:
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    if connection.getsockname() == connection.getpeername():
        # A port of the ephemeral range that nobody listens on can connect to itself.
        raise ConnectionRefusedError("connection refused")


def reason_of(error: OSError) -> str:
    """Return what is wrong in one lower-case line."""
    return error.strerror.lower() if error.strerror else str(error) or type(error).__name__


def is_writable(connection: socket.socket, seconds: float) -> bool:
    """Wait until a socket takes bytes (or has failed), or so many seconds; return whether it does."""
    return bool(_ready({connection: (False, True)}, seconds))


def _ready(wanted: Mapping[socket.socket, tuple[bool, bool]], seconds: float) -> set[socket.socket]:
    """Return the sockets that are ready for reading or writing, as they want, or have failed."""
    if not hasattr(select, "poll"):
        readers = [each for each, (reads, _) in wanted.items() if reads]
        writers = [each for each, (_, writes) in wanted.items() if writes]
        if not wanted:
            threading.Event().wait(seconds)  # where there is no poll, there may be no empty select
            return set()
        return set().union(*select.select(readers, writers, writers, seconds))
    poll = select.poll()
    by_number = {each.fileno(): each for each in wanted}
    for number, each in by_number.items():
        reads, writes = wanted[each]
        poll.register(number, select.POLLIN * reads | select.POLLOUT * writes)
    return {by_number[number] for number, _ in poll.poll(seconds * 1000)}
