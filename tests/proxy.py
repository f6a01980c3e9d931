"""Stand between a client and a server as a network that fails when and where a test says so.

A fault lasts until `heal`.  Every method may be called from any thread, from selectors and
functions given to the proxy too, and has done its work when it returns.
"""

import dataclasses
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Literal, Self

from tests.frames import DIRECTIONS, Direction, Frame, Selector
from tests.ports import LOOPBACK, free_port
from tests.relay import Ending, Faults, Item, Link, Network, Rule, finish, has_more, reset
from tests.selectorthread import SelectorThread

When = Literal["before", "after"]

ATTEMPTS_REMEMBERED = 10_000


class FaultProxy:
    """A TCP proxy on loopback, on one port for its whole life, that knows ZooKeeper's frames.

    Whole frames are passed on, so whatever is inserted or cut stands between two of them.  While
    the server cannot be connected to, a client is accepted and then reset.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = free_port()
        self._network = Network()
        self._listener: socket.socket | None = None
        self._turns_away = False
        self._links: list[Link] = []
        self._lingering: set[socket.socket] = set()
        self._attempts: deque[float] = deque(maxlen=ATTEMPTS_REMEMBERED)
        self._accepted = 0
        self._thread = SelectorThread(f"FaultProxy {self.port}", self._advance)

    def __repr__(self) -> str:
        return f"<FaultProxy {self.port} to {self.target_port}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()
        try:
            self.accept()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all connections and the thread; raise what a selector or function raised."""
        try:
            self._thread.stop()
        finally:
            if self._listener is not None:
                self._listener.close()
            for link in self._links:
                self._lingering.update(link.sockets)
            for sock in self._lingering:
                sock.close()
            self._links.clear()
            self._lingering.clear()

    # What there is to see

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected now, as far as the proxy knows."""
        return self._thread.call(lambda: len(self._links))

    @property
    def attempts(self) -> list[float]:
        """When clients connected, by the monotonic clock; those refused cannot be seen."""
        return self._thread.call(lambda: list(self._attempts))

    @property
    def frames(self) -> list[Frame]:
        """The last frames that came, whether or not they were passed on."""
        return self._network.log.copy()

    def forget_frames(self) -> None:
        """Empty `frames`."""
        self._network.log.clear()

    # Faults of connecting

    def refuse(self) -> None:
        """Refuse to be connected to; connections that exist live on."""
        self._thread.call(self._close_listener)

    def accept(self) -> None:
        """Let clients connect again, after `refuse` or `turn_away`."""
        self._thread.call(self._accept_again)

    def turn_away(self) -> None:
        """Reset each new connection at once: as `refuse`, but `attempts` sees it."""

        def begin() -> None:
            self._turns_away = True

        self._thread.call(begin)

    # Faults of connections

    def black_hole(self) -> None:
        """Lose everything both ways, ends of connections too; new connections meet silence."""
        self._thread.call(lambda: self._lose(frozenset(DIRECTIONS)))

    def one_way(self, direction: Direction) -> None:
        """Lose everything that goes in `direction`, ends of connections too."""
        self._thread.call(lambda: self._lose(frozenset([direction])))

    def hold(self, *directions: Direction) -> None:
        """Stop everything in these directions, both by default, for `heal` to deliver late."""
        self._change(
            lambda faults: dataclasses.replace(faults, held=frozenset(directions or DIRECTIONS))
        )

    def delay(self, seconds: float) -> None:
        """Let every frame take that long, in each direction; order and throughput stay."""
        self._change(lambda faults: dataclasses.replace(faults, delay=seconds))

    def one_byte_writes(self) -> None:
        """Send every byte by a write of its own."""
        self._change(lambda faults: dataclasses.replace(faults, one_byte_writes=True))

    def drip(self, seconds: float) -> None:
        """Send the client one byte every so many seconds."""
        self._change(lambda faults: dataclasses.replace(faults, drip=seconds))

    def heal(self) -> None:
        """End all faults and forget all rules; what was held arrives.

        A connection that has lost bytes is reset: TCP never delivers what comes behind a hole.
        """
        self._thread.call(self._heal)

    # Faults of one moment

    def cut(self, *, rst: bool = False) -> None:
        """End all connections now, by FIN or by RST; what is not yet sent is lost."""

        def end_all() -> None:
            for link in self._links:
                link.ending = Ending(rst)

        self._thread.call(end_all)

    def half_open(self) -> None:
        """Close the server's side of each connection, and leave the client with a silent one."""
        self._thread.call(self._give_up_servers)

    def inject(self, data: bytes, direction: Direction = "to_client") -> None:
        """Send raw bytes on each connection, between two frames."""

        def inject_everywhere() -> None:
            for link in self._links:
                link.inject(direction, data, time.monotonic())

        self._thread.call(inject_everywhere)

    # Faults of chosen frames

    def cut_on(
        self,
        selector: Selector,
        when: When = "before",
        *,
        rst: bool = False,
        times: int | None = 1,
    ) -> Rule:
        """End the connection of a chosen frame before it is passed on, or right after it.

        Frames before it arrive; the other direction loses what is not yet sent.
        """

        def replace(frame: Frame) -> list[Item]:
            return [*([frame.wire_bytes] if when == "after" else []), Ending(rst)]

        return self._add_rule(Rule(selector, replace, times))

    def rewrite(
        self,
        selector: Selector,
        function: Callable[[bytes], bytes | list[bytes]],
        *,
        times: int | None = None,
    ) -> Rule:
        """Send what `function` makes of a chosen frame's payload.

        Bytes are another payload; a list is raw bytes to send as they are, and an empty one loses
        the frame.
        """

        def replace(frame: Frame) -> list[Item]:
            result = function(frame.payload)
            if isinstance(result, list):
                return [*result]
            return [dataclasses.replace(frame, payload=result).wire_bytes]

        return self._add_rule(Rule(selector, replace, times))

    def on(self, selector: Selector, action: Callable[[], None], *, times: int | None = 1) -> Rule:
        """Call `action`, such as `proxy.black_hole`, when a chosen frame has come.

        The frame itself is queued after that: a black hole swallows what comes behind it.
        """

        def replace(frame: Frame) -> list[Item]:
            action()
            return [frame.wire_bytes]

        return self._add_rule(Rule(selector, replace, times))

    def _add_rule(self, rule: Rule) -> Rule:
        self._thread.call(lambda: self._network.rules.append(rule))
        return rule

    # In the proxy's thread

    def _change(self, change: Callable[[Faults], Faults]) -> None:
        def apply() -> None:
            self._network.faults = change(self._network.faults)

        self._thread.call(apply)

    def _lose(self, directions: frozenset[Direction]) -> None:
        self._network.faults = dataclasses.replace(self._network.faults, swallowed=directions)
        for link in self._links:
            for direction in directions:
                link.swallow(direction)

    def _heal(self) -> None:
        self._network.faults = Faults()
        self._network.rules.clear()
        for link in self._links:
            link.heal()
        self._accept_again()

    def _give_up_servers(self) -> None:
        for link in self._links:
            if (server := link.give_up_server()) is not None:
                self._finish(server)

    def _accept_again(self) -> None:
        self._turns_away = False
        if self._listener is None:
            listener = socket.create_server((LOOPBACK, self.port), backlog=1024)
            listener.setblocking(False)
            self._listener = listener
            self._thread.watch(listener, selectors.EVENT_READ, self._welcome)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._thread.watch(self._listener, 0, self._welcome)
            self._listener.close()
            self._listener = None

    def _welcome(self, mask: int) -> None:
        if self._listener is None:
            return
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # it gave up before we looked
        self._attempts.append(time.monotonic())
        self._accepted += 1
        if self._turns_away:
            reset(client)
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        is_black_hole = self._network.faults.swallowed == frozenset(DIRECTIONS)
        server = None if is_black_hole else self._connect()
        self._links.append(Link(self._accepted, client, server, self._network))

    def _connect(self) -> socket.socket:
        server = socket.socket()
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.connect_ex((LOOPBACK, self.target_port))  # a failure shows when the link reads
        return server

    def _advance(self, now: float) -> float | None:
        """Send what is due on each link, end those that are over; give when to look again."""
        for link in self._links:
            if link.ending is None:
                link.flush(now)
        for link in [link for link in self._links if link.ending is not None]:
            self._links.remove(link)
            self._end(link)
        for link in self._links:
            for sock in link.sockets:
                self._thread.watch(sock, link.interest(sock, now), partial(self._read, link, sock))
        dues = [link.next_due(now) for link in self._links]
        return min((due for due in dues if due is not None), default=None)

    def _read(self, link: Link, sock: socket.socket, mask: int) -> None:
        if mask & selectors.EVENT_READ and link.ending is None:
            link.read(sock, time.monotonic())

    def _end(self, link: Link) -> None:
        for sock in link.sockets:
            if link.ending == Ending(rst=True):
                self._thread.watch(sock, 0, partial(self._read, link, sock))
                reset(sock)
            else:
                self._finish(sock)

    def _finish(self, sock: socket.socket) -> None:
        self._thread.watch(sock, 0, partial(self._linger, sock))
        if finish(sock):
            self._lingering.add(sock)
            self._thread.watch(sock, selectors.EVENT_READ, partial(self._linger, sock))

    def _linger(self, sock: socket.socket, mask: int) -> None:
        if sock in self._lingering and not has_more(sock):
            self._lingering.remove(sock)
            self._thread.watch(sock, 0, partial(self._linger, sock))
            sock.close()
