"""A bare socket: the least that anybody can do who talks to the server in Python.

It encodes beforehand, looks at no more of a reply than it must, and checks nothing.
"""

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from bench.stage import MULTI, children_path, data_path, multi_bodies
from bench.tasks import NODES, TRANSACTION
from tests import wire
from tests.bareclient import BareClient, SessionRefusedError
from tests.wire import Opcode, Xid

_CHUNK = 256 * 1024
_BATCH = 500  # requests
_NAP = 0.001  # seconds
_HEADER = struct.Struct(">iiqi")  # length, xid, zxid, error
_SET_WATCHES_BYTES = 128 * 1024


class Bare:
    """A session over one socket. What all subjects can do is told in `bench.subjects`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = BareClient.connect(port, timeout=30)
        self._socket = self._client.connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._opcode = Opcode.GET_DATA
        self._paths: list[str] = []
        self._zxid = 0
        self._rest = b""

    def close(self) -> None:
        """End the session."""
        self._client.end()

    @property
    def client_id(self) -> tuple[int, bytes]:
        """The session's id and password."""
        return self._client.session.session_id, self._client.session.password

    # --- plain work

    def prepare(self, call: str, count: int, mark: str) -> Any:  # Any: what that call takes
        """Encode what `call` is going to send."""
        if call in ("get_serially", "get_in_flight"):
            body = wire.path_watch_body(f"{NODES}/node")
            return [wire.request(xid, Opcode.GET_DATA, body) for xid in range(1, count + 1)]
        if call in ("create_in_flight", "create_in_transactions"):
            bodies = [
                wire.create_body(f"{NODES}/ephemeral/{mark}-{number}", b"", 1)
                for number in range(count)
            ]
            if call == "create_in_transactions":
                multis = multi_bodies(((Opcode.CREATE, body) for body in bodies), TRANSACTION)
                return [wire.request(xid, MULTI, body) for xid, body in enumerate(multis, 1)]
            return [wire.request(xid, Opcode.CREATE, body) for xid, body in enumerate(bodies, 1)]
        path = children_path if call == "watch_children" else data_path
        self._opcode = Opcode.GET_CHILDREN if call == "watch_children" else Opcode.GET_DATA
        self._paths = [path(number) for number in range(count)]
        return [self._read_request(path, xid) for xid, path in enumerate(self._paths, 1)]

    def get_serially(self, requests: list[bytes]) -> None:
        """Send one, and receive its reply, before the next."""
        connection = self._socket
        for request in requests:
            connection.sendall(request)
            data = connection.recv(4096)
            while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4]):
                data += connection.recv(4096)

    def touch(self) -> None:
        """Do nothing: there is nothing to be had once."""

    create_in_transactions = get_serially
    watch_data = get_serially
    watch_idly = watch_all = get_serially
    watch_children = get_serially

    def get_in_flight(self, requests: list[bytes]) -> None:
        """Send in batches, two of them under way; all the replies have the size of the first."""
        connection = self._socket
        connection.sendall(requests[0])
        size = len(wire.read_frame(connection)) + 4
        left = (len(requests) - 1) * size
        unsent = deque(
            b"".join(requests[begin : begin + _BATCH]) for begin in range(1, len(requests), _BATCH)
        )
        room = bytearray(_CHUNK)
        while left:
            while unsent and left - len(unsent) * _BATCH * size < 2 * _BATCH * size:
                connection.sendall(unsent.popleft())
            time.sleep(_NAP)  # every look costs the server CPU: many replies shall come at once
            left -= connection.recv_into(room)

    def create_in_flight(self, requests: list[bytes]) -> None:
        """Send all, and count the replies."""
        self._all_in_flight(b"".join(requests), len(requests))

    watch_data_in_flight = create_in_flight

    def _all_in_flight(self, data: bytes, count: int) -> None:
        writer = threading.Thread(target=self._socket.sendall, args=(data,))
        writer.start()
        while count:
            count -= sum(1 for _ in self._frames())
        writer.join()

    def _frames(self) -> Iterator[tuple[bytes, int, int]]:
        """Read once, and give where each complete frame lies."""
        data = self._rest + self._socket.recv(_CHUNK)
        begin, size = 0, len(data)
        while size - begin >= 4:
            end = begin + 4 + int.from_bytes(data[begin : begin + 4])
            if end > size:
                break
            yield data, begin, end
            begin = end
        self._rest = data[begin:]

    # --- watches

    def expect(self, mark: str) -> None:
        """Nothing to do: every event is a change that was waited for."""

    def _read_request(self, path: str, xid: int) -> bytes:
        return wire.request(xid, self._opcode, wire.path_watch_body(path, watch=True))

    def wait_until_current(self) -> None:
        """Answer each event by reading the node, until each was read."""
        left = len(self._paths)
        while left:
            requests = []
            for data, begin, end in self._frames():
                _, xid, zxid, _ = _HEADER.unpack_from(data, begin)
                if xid == Xid.EVENT:
                    path = data[begin + _HEADER.size + 12 : end].decode()
                    requests.append(self._read_request(path, 1))
                elif xid > 0:
                    self._zxid = zxid
                    left -= 1
            if requests:
                self._socket.sendall(b"".join(requests))

    def cut(self) -> None:
        """End the connection."""
        self._zxid = self._zxid or self._client.call(Opcode.EXISTS, wire.path_watch_body("/")).zxid
        self._socket.close()

    def recover(self) -> None:
        """Connect again, arm all watches, and read what has changed."""
        self._rest = b""
        session_id, password = self.client_id
        try:
            self._client = BareClient.connect(self._port, session_id, password, 30)
        except SessionRefusedError:
            self._client = BareClient.connect(self._port, timeout=30)
            self._socket = self._client.connection
            requests = [self._read_request(path, xid) for xid, path in enumerate(self._paths, 1)]
            self._all_in_flight(b"".join(requests), len(requests))
            return
        self._socket = self._client.connection
        self._socket.sendall(b"".join(self._set_watches()))
        self.wait_until_current()

    def _set_watches(self) -> Iterator[bytes]:
        each = _SET_WATCHES_BYTES // (len(self._paths[0]) + 4)
        for begin in range(0, len(self._paths), each):
            paths = self._paths[begin : begin + each]
            data, children = (paths, []) if self._opcode == Opcode.GET_DATA else ([], paths)
            body = wire.set_watches_body(self._zxid, data, [], children)
            yield wire.request(Xid.SET_WATCHES, Opcode.SET_WATCHES, body)
