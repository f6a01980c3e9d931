"""Be a server that says exactly what a test tells it to, right or wrong.

    with ScriptedServer(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server: ...

The messages to say are built by `tests.wire`.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests import wire
from tests.ports import LOOPBACK, free_port
from tests.relay import reset
from tests.waiting import stretched
from tests.wire import Opcode

SECONDS_TO_CLOSE = 10.0


class PeerGoneError(Exception):
    """The client has ended the connection, or the server is being closed."""


class Peer:
    """The server's end of one connection, `number` from 1; every method may raise PeerGoneError."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.number = number
        self._connection = connection

    def receive(self) -> bytes:
        """Give the next payload."""
        try:
            return wire.read_frame(self._connection)
        except (EOFError, OSError) as gone:
            raise PeerGoneError from gone

    def receive_word(self) -> bytes:
        """Give the four-letter word that the client began with."""
        try:
            return self._connection.recv(4, socket.MSG_WAITALL)
        except OSError as gone:
            raise PeerGoneError from gone

    def receive_request(self) -> wire.Request:
        """Give the next request."""
        return wire.parse_request(self.receive())

    def send(self, *data: bytes) -> None:
        """Send raw bytes."""
        try:
            self._connection.sendall(b"".join(data))
        except OSError as gone:
            raise PeerGoneError from gone

    def shake_hands(self, response: bytes | None = None) -> wire.ConnectRequest:
        """Read the ConnectRequest and answer it, by default with a good session; give it."""
        asked = wire.parse_connect_request(self.receive())
        self.send(wire.connect_response(timeout=asked.timeout) if response is None else response)
        return asked

    def answer(self, handler: "Handler") -> None:
        """Answer each request until the client goes.

        What `handler` gives is sent as it is; for None a ping and a closeSession get the right
        answer, anything else gets none.
        """
        while True:
            request = self.receive_request()
            answer = handler(request)
            if answer is None and request.opcode in {Opcode.PING, Opcode.CLOSE_SESSION}:
                answer = wire.reply(request.xid)
            self.send(answer or b"")

    def stay_silent(self) -> None:
        """Read, and say nothing, until the client goes."""
        while True:
            self.receive()

    def end(self, *, rst: bool = False) -> None:
        """End the connection by FIN, still taking what comes, or by RST."""
        if rst:
            reset(self._connection)
            return
        try:
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(65536):
                pass
        except OSError as gone:
            raise PeerGoneError from gone


Script = Callable[[Peer], None]
Handler = Callable[[wire.Request], bytes | None]


def saying(*data: bytes) -> Script:
    """Say that as soon as the client has said something, whatever it was, and end."""

    def script(peer: Peer) -> None:
        peer.receive()
        peer.send(*data)
        peer.end()

    return script


def answering(handler: Handler, response: bytes | None = None) -> Script:
    """Grant a session and answer requests by `Peer.answer`."""

    def script(peer: Peer) -> None:
        peer.shake_hands(response)
        peer.answer(handler)

    return script


class ScriptedServer:
    """Listens on loopback and runs one script for each connection, in a thread of its own.

    The first script is for the first connection and so on; the last is for all that follow.  A
    connection ends when its script does.  What a script raises, `close` raises.
    """

    def __init__(self, *scripts: Script) -> None:
        self.port = free_port()
        self.accepted = 0
        self._scripts = scripts
        self._listener = socket.socket()
        self._lock = threading.Lock()  # guards the following, which every thread touches
        self._open: set[socket.socket] = set()
        self._is_closing = False
        self._errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._accept, name=f"ScriptedServer {self.port}")]

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

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many scripts are running."""
        with self._lock:
            return len(self._open)

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((LOOPBACK, self.port))
        self._listener.listen(128)
        self._threads[0].start()

    def close(self) -> None:
        """End all connections and threads; raise the first thing that a script raised."""
        with self._lock:
            self._is_closing = True
            for connection in self._open:
                _wake(connection)
        _wake(self._listener)
        # The list grows until its first thread, which is joined first, has ended.
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(stretched(SECONDS_TO_CLOSE))
        self._listener.close()
        errors, self._errors = self._errors, []
        if errors:
            raise errors[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closing
            with self._lock:
                if self._is_closing:
                    connection.close()
                    return
                self._open.add(connection)
            self.accepted += 1
            name = f"ScriptedServer {self.port} connection {self.accepted}"
            script = self._scripts[min(self.accepted, len(self._scripts)) - 1]
            peer = Peer(connection, self.accepted)
            thread = threading.Thread(target=self._run, args=(script, peer, connection), name=name)
            self._threads.append(thread)
            thread.start()

    def _run(self, script: Script, peer: Peer, connection: socket.socket) -> None:
        try:
            script(peer)
        except PeerGoneError:
            pass
        except Exception as error:  # noqa: BLE001  # `close` raises it
            self._errors.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _wake(sock: socket.socket) -> None:
    """End whatever waits for this socket in another thread, as closing it would not."""
    with contextlib.suppress(OSError):  # the peer was quicker
        sock.shutdown(socket.SHUT_RDWR)
