"""The server's sockets: one thread, one selector, as few system calls as the work allows."""

import contextlib
import logging
import selectors
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from zc.zk.server.clock import Clock, SystemClock
from zc.zk.server.core import Core
from zc.zk.server.link import Link
from zc.zk.server.tls import SecureWire
from zc.zk.server.wire import Wire

log = logging.getLogger("zc.zk.server")
R = TypeVar("R")
_BACKLOG = 1024
_MOST_ACCEPTS = 64  # before those that are connected have their turn again
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: hang up by RST, without a goodbye
_SECONDS_WITHOUT_DESCRIPTORS = 0.1
_SECONDS_TO_LINGER = 10.0


class Network:
    """A core's sockets.

    `before_sending` makes what was done durable: until it returns, nobody is told. It says whether
    it is to be called again soon, whatever happens. With a `context`, every connection speaks TLS.
    `clock` is what the core lives by; what concerns sockets alone goes by the machine's.

    The loop runs in whatever thread calls `run`; `stop` and `call` may be used from any other.
    """

    def __init__(
        self,
        core: Core,
        listener: socket.socket,
        before_sending: Callable[[], bool | None] | None = None,
        context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.core = core
        self._context = context
        self._clock = clock or SystemClock()
        self._listener = listener
        self._before_sending = before_sending
        self._selector = selectors.DefaultSelector()
        self._wires: dict[Link, Wire] = {}
        self._calls: deque[tuple[Callable[[], object], Future[object]]] = deque()
        self._lingering: dict[Wire, float] = {}  # closing, but not all is sent; and the last moment
        self._waiting: list[Wire] = []  # with requests that waited for room to answer
        self._stopping = False
        self._is_pressed = False  # to call `before_sending` again
        self._listen_again_at: float | None = None
        self._waker, self._woken = socket.socketpair()
        for each in (self._waker, self._woken, listener):
            each.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)

    # For other threads, and signal handlers

    def stop(self) -> None:
        """Let `run` return soon."""
        self._stopping = True
        self._interrupt()

    def call(self, function: Callable[[], R]) -> "Future[R]":
        """Have `function` called by the thread of the loop."""
        future: Future[R] = Future()
        self._calls.append((function, future))  # type: ignore[arg-type]  # each pair agrees
        self._interrupt()
        return future

    @property
    def waker(self) -> int:
        """The descriptor that wakes the loop by any byte written to it: for `signal.set_wakeup_fd`."""
        return self._waker.fileno()

    def _interrupt(self) -> None:
        with contextlib.suppress(OSError):  # full: then it wakes anyway; closed: it has ended
            self._waker.send(b"\0")

    # The loop

    def run(self) -> None:
        """Serve until `stop`; then `close` is still to be called.

        What `before_sending` raises ends the service at once, with nobody told anything more.
        """
        try:
            while not self._stopping:
                self._run_once()
        except BaseException:
            self.close()
            raise

    def _run_once(self) -> None:
        core = self.core
        for key, events in self._selector.select(self._patience()):
            key.data(events)
        now = self._clock.now()
        core.store.wall_offset = self._clock.wall() - now
        deadline = core.deadline()
        if deadline is not None and deadline <= now:
            core.tick(now)  # after what arrived was read: a server that slept ends no one for it
        self._make_calls()
        self._go_on(time.monotonic())
        self._flush()

    def close(self, *, reset: bool = False) -> None:
        """Close every socket, with `reset` by RST, as a crash does; cancel the calls that wait."""
        for wire in tuple(self._wires.values()):
            if reset:
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._drop(wire)
        self._selector.close()
        for each in (self._listener, self._waker, self._woken):
            each.close()
        while self._calls:
            self._calls.popleft()[1].cancel()

    def drop_connections(self) -> None:
        """End every connection at once; only from the thread of the loop."""
        for wire in tuple(self._wires.values()):
            self._drop(wire)

    def _patience(self) -> float | None:
        if self._calls or self._stopping or self._waiting or self._is_pressed:
            return 0
        linger_until = next(iter(self._lingering.values()), None)
        moments = [each for each in (self._listen_again_at, linger_until) if each is not None]
        patience = max(0.0, min(moments) - time.monotonic()) if moments else None
        deadline = self.core.deadline()
        until = None if deadline is None else self._clock.until(deadline)
        return until if patience is None else patience if until is None else min(until, patience)

    def _wake(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def _make_calls(self) -> None:
        for _ in range(len(self._calls)):
            function, future = self._calls.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except Exception as error:  # noqa: BLE001 (the caller's to handle)
                    future.set_exception(error)

    def _go_on(self, now: float) -> None:
        """Do what had to wait: for room to answer, for descriptors, for a peer that never reads."""
        waiting, self._waiting = self._waiting, []
        for wire in waiting:
            if wire.link in self._wires:
                self._hand_on(wire, b"")
        for wire in [wire for wire, until in self._lingering.items() if until <= now]:
            self._drop(wire)
        if self._listen_again_at is not None and self._listen_again_at <= now:
            self._listen_again_at = None
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    # Connections

    def _accept(self, _events: int) -> None:
        for _ in range(_MOST_ACCEPTS):
            try:
                connection, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # most often: no file descriptor is left
                log.warning("cannot accept connections for now: %s", error)
                self._selector.unregister(self._listener)
                self._listen_again_at = time.monotonic() + _SECONDS_WITHOUT_DESCRIPTORS
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = self.core.connect((peer[0], peer[1]), self._clock.now())
            context = self._context
            wire = Wire(connection, link)
            if context is not None:
                wire = SecureWire(connection, link, context)
            self._wires[link] = wire
            self._selector.register(
                connection,
                selectors.EVENT_READ,
                partial(self._serve, wire),
            )

    def _serve(self, wire: Wire, events: int) -> None:
        if wire.link not in self._wires:
            return  # dropped in this same round
        if events & selectors.EVENT_WRITE:
            self.core.ready(wire.link)  # to be sent with the others, after what must come before
        elif not wire.link.has_waiting_requests:  # or more would be kept than can be answered
            self._receive(wire)

    def _receive(self, wire: Wire) -> None:
        try:
            data = wire.receive()
        except BlockingIOError:
            if wire.has_unsent:  # a handshake goes on
                self.core.ready(wire.link)
            return
        except OSError:
            data = b""
        if data:
            self._hand_on(wire, data)
        elif not wire.has_ended:
            self._drop(wire)
        if wire.has_ended:
            wire.link.close()

    def _hand_on(self, wire: Wire, data: bytes) -> None:
        try:
            wire.link.receive(data, self._clock.now())
        except Exception:
            # A bug of ours: the one who met it loses the connection, the others nothing.
            log.exception("a request could not be carried out")
            self._drop(wire)

    def _drop(self, wire: Wire) -> None:
        if self._wires.pop(wire.link, None) is not None:
            self._selector.unregister(wire.socket)
            wire.socket.close()
            self._lingering.pop(wire, None)
            self.core.disconnect(wire.link)

    # Output

    def _flush(self) -> None:
        ready = self.core.take_ready()
        if self._before_sending is not None:
            self._is_pressed = bool(self._before_sending())
        for link in ready:
            wire = self._wires.get(link)
            if wire is not None:
                self._send(wire)

    def _send(self, wire: Wire) -> None:
        link = wire.link
        try:
            wire.flush()
        except BlockingIOError:
            self._select(wire, selectors.EVENT_WRITE)
            if link.is_closing:
                self._lingering.setdefault(wire, time.monotonic() + _SECONDS_TO_LINGER)
        except OSError:
            self._drop(wire)
        else:
            if link.is_closing:
                wire.say_goodbye()
                self._drop(wire)
                return
            self.core.told(link, self._clock.now())
            self._select(wire, selectors.EVENT_READ)
            if link.has_waiting_requests:
                self._waiting.append(wire)

    def _select(self, wire: Wire, events: int) -> None:
        # A peer that does not read is not read from either: it is what holds back its requests.
        if wire.events != events:
            wire.events = events
            data = self._selector.get_key(wire.socket).data
            self._selector.modify(wire.socket, events, data)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises `OSError`. Port 0 is any that is free."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    if not _is_loopback(listener.getsockname()[0]):
        log.warning(
            "listening on %s: whoever reaches it can read and change everything that is open", host
        )
    return listener


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
