"""Stand before a plain server and speak TLS in its place."""

import contextlib
import select
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

from tests.certificates import Pair
from tests.ports import LOOPBACK, free_port
from tests.waiting import stretched

PATIENCE = 20.0
READ_SIZE = 65536


def server_context(pair: Pair) -> ssl.SSLContext:
    """Give a server's context with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


class TLSProxy:
    """A TLS-terminating proxy on loopback; `context` is taken for each new connection.

    `names` are the server names that clients asked for, `certificates` the subjects they showed, `starts` the first
    bytes that each sent, of every connection in its order.
    """

    def __init__(self, target_port: int, context: ssl.SSLContext) -> None:
        self.target_port = target_port
        self.context = context
        self.port = free_port()
        self.names: list[str | None] = []
        self.certificates: list[object] = []
        self.starts: list[bytes] = []
        self.says_goodbye = True
        self.goodbyes = 0  # of clients
        self._stop, self._stopped = socket.socketpair()
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._connections: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name=f"TLSProxy {self.port}")]

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.close()
        for thread in self._threads:
            thread.join(stretched(PATIENCE))
        self._stopped.close()
        self._listener.close()

    def cut(self) -> None:
        """End all connections without a word of TLS."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                return
            client, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=[client], name="TLSProxy link")
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(stretched(PATIENCE))
        self._connections.add(client)
        with client, contextlib.suppress(OSError):
            select.select([client, self._stopped], [], [])
            self.starts.append(client.recv(5, socket.MSG_PEEK | socket.MSG_DONTWAIT))
            context = self.context
            context.sni_callback = lambda _, name, __: self.names.append(name)
            with context.wrap_socket(client, server_side=True) as secure:
                self._connections.add(secure)
                self.certificates.append(secure.getpeercert())
                address = (LOOPBACK, self.target_port)
                with socket.create_connection(address, stretched(PATIENCE)) as server:
                    self._relay(secure, server)
                self._connections.discard(secure)
        self._connections.discard(client)

    def _relay(self, secure: ssl.SSLSocket, server: socket.socket) -> None:
        while True:
            ready: list[socket.socket] = [secure]
            if not secure.pending():
                ready, _, _ = select.select([secure, server, self._stopped], [], [])
            if self._stopped in ready:
                return
            if secure in ready:
                secure.settimeout(0)
                try:
                    data = secure.recv(READ_SIZE)
                except ssl.SSLWantReadError:
                    continue
                finally:
                    secure.settimeout(stretched(PATIENCE))
                if not data:
                    self.goodbyes += 1
                    return
                server.sendall(data)
            if server in ready:
                data = server.recv(READ_SIZE)
                if not data:
                    if self.says_goodbye:
                        secure.settimeout(0)  # the client's own goodbye is not waited for
                        secure.unwrap()
                    return
                secure.sendall(data)
