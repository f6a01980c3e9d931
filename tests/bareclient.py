"""Talk to a server over one blocking socket, without any of the code under test."""

import socket
import ssl
from types import TracebackType
from typing import Self

from tests import wire
from tests.ports import LOOPBACK
from tests.waiting import stretched
from tests.wire import Opcode

PATIENCE = 10.0
MOST_ATTEMPTS_TO_END = 100


class SessionRefusedError(Exception):
    """The server does not know the session, or the password is not its own."""


class BareClient:
    """One session over one connection; `events` keeps the watch events met while reading replies.

    Leaving the context drops the connection only: the session lives on until it expires.
    """

    def __init__(self, connection: socket.socket, session: wire.Session) -> None:
        self.connection = connection
        self.session = session
        self.events: list[wire.Reply] = []
        self._last_xid = 0

    @classmethod
    def connect(
        cls,
        port: int,
        session_id: int = 0,
        password: bytes = wire.NO_PASSWORD,
        timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
    ) -> Self:
        """Begin a session, or re-attach to `session_id`; raises SessionRefusedError.

        No single step of this, nor of what is called later, takes longer than `patience` seconds.
        """
        connection = socket.create_connection((LOOPBACK, port), stretched(patience))
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_hostname=LOOPBACK)
            connection.sendall(wire.connect_request(session_id, password, timeout))
            session = wire.parse_connect_response(wire.read_frame(connection))
        except BaseException:
            connection.close()
            raise
        if session.is_refused:
            connection.close()
            raise SessionRefusedError(f"session {session_id:#x} is refused")
        return cls(connection, session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.drop()

    def send(self, opcode: int, body: bytes = b"") -> int:
        """Send a request; give its xid."""
        self._last_xid += 1
        self.connection.sendall(wire.request(self._last_xid, opcode, body))
        return self._last_xid

    def receive(self) -> wire.Reply:
        """Give the next reply or event; raises EOFError when the server has closed."""
        return wire.parse_reply(wire.read_frame(self.connection))

    def call(self, opcode: int, body: bytes = b"") -> wire.Reply:
        """Send a request; give its reply."""
        xid = self.send(opcode, body)
        while (reply := self.receive()).xid == wire.Xid.EVENT:
            self.events.append(reply)
        if reply.xid != xid:
            raise ValueError(f"expected the reply to {xid}, got {reply}")
        return reply

    def ping(self) -> wire.Reply:
        """Send a ping; give the answer."""
        self.connection.sendall(wire.request(wire.Xid.PING, Opcode.PING))
        return self.receive()

    def end(self) -> None:
        """End the session and drop the connection."""
        try:
            self.call(Opcode.CLOSE_SESSION)
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the socket and say nothing."""
        self.connection.close()


def end_session(port: int, session_id: int, password: bytes) -> None:
    """End someone else's session; return when the server says that it is over.

    Raises SessionRefusedError where there is no such session to end.
    """
    has_asked = False
    for _ in range(MOST_ATTEMPTS_TO_END):
        try:
            client = BareClient.connect(port, session_id, password)
            has_asked = True
            client.end()
            return
        except SessionRefusedError:
            if has_asked:
                return  # the request had arrived all the same
            raise
        except ConnectionRefusedError:
            raise
        except (EOFError, OSError):
            continue  # the owner came back before our request was read, and thereby took the session away
    raise RuntimeError(f"the owner of session {session_id:#x} always comes back first")


def create_node(port: int, path: str, data: bytes = b"") -> None:
    """Create a persistent node, in a session of its own."""
    client = BareClient.connect(port)
    try:
        reply = client.call(Opcode.CREATE, wire.create_body(path, data))
    finally:
        client.end()
    if reply.err:
        raise RuntimeError(f"cannot create {path}: error {reply.err}")
