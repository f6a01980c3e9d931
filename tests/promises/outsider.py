"""Be somebody else at the server, past every fault of the network between it and the tested client."""

import struct
from collections.abc import Mapping

import simplejson

from tests import wire
from tests.bareclient import BareClient, SessionRefusedError, end_session
from tests.waiting import wait_until
from tests.wire import Opcode

EPHEMERAL = 1
NO_NODE = -101


class RefusedError(Exception):
    """The server answered with an error code."""

    def __init__(self, opcode: int, path: str, code: int) -> None:
        super().__init__(opcode, path, code)
        self.code = code


class Outsider:
    """Reads and changes nodes below `chroot`, each time in a session of its own."""

    def __init__(self, port: int, chroot: str) -> None:
        self._port = port
        self._chroot = chroot

    def create(self, path: str, properties: Mapping[str, object] | None = None) -> None:
        """Create a node with these properties."""
        self._call(Opcode.CREATE, path, wire.create_body(self._full(path), _json(properties)))

    def set(self, path: str, **properties: object) -> None:
        """Replace a node's properties."""
        self._call(Opcode.SET_DATA, path, wire.set_data_body(self._full(path), _json(properties)))

    def delete(self, path: str) -> None:
        """Delete a node."""
        self._call(Opcode.DELETE, path, wire.delete_body(self._full(path)))

    def children(self, path: str) -> list[str]:
        """Give the names of a node's children, sorted."""
        body = self._call(Opcode.GET_CHILDREN, path, wire.path_watch_body(self._full(path)))
        return sorted(wire.parse_strings(body)[0])

    def properties(self, path: str) -> dict[str, object]:
        """Give a node's properties."""
        data, _ = wire.parse_buffer(self._data(path))
        properties: dict[str, object] = simplejson.loads(data or b"{}")
        return properties

    def owner(self, path: str) -> int | None:
        """Give the session that an ephemeral node lives with, 0 for none; None where no node is."""
        try:
            body = self._data(path)
        except RefusedError as refused:
            if refused.code == NO_NODE:
                return None
            raise
        _, offset = wire.parse_buffer(body)
        owner: int = struct.unpack_from(">qqqqiiiq", body, offset)[-1]
        return owner

    def acl(self, path: str) -> list[tuple[int, str, str]]:
        """Give a node's ACL, as permissions, scheme and identity."""
        body = self._call(Opcode.GET_ACL, path, wire.string(self._full(path)))
        (count,) = struct.unpack_from(">i", body)
        entries, offset = [], 4
        for _ in range(count):
            (permissions,) = struct.unpack_from(">i", body, offset)
            scheme, offset = wire.parse_buffer(body, offset + 4)
            identity, offset = wire.parse_buffer(body, offset)
            entries.append((permissions, (scheme or b"").decode(), (identity or b"").decode()))
        return entries

    def session_with(self, path: str, timeout: float) -> BareClient:
        """Give an open session that has an ephemeral node at `path`; ending or dropping it is the caller's."""
        client = BareClient.connect(self._port, timeout=timeout)
        body = wire.create_body(self._full(path), b"{}", EPHEMERAL)
        reply = client.call(Opcode.CREATE, body)
        if reply.err:
            client.end()
            raise RefusedError(Opcode.CREATE, path, reply.err)
        return client

    def _data(self, path: str) -> bytes:
        return self._call(Opcode.GET_DATA, path, wire.path_watch_body(self._full(path)))

    def _full(self, path: str) -> str:
        return self._chroot + path.rstrip("/")

    def _call(self, opcode: int, path: str, body: bytes) -> bytes:
        client = BareClient.connect(self._port)
        try:
            reply = client.call(opcode, body)
        finally:
            client.end()
        if reply.err:
            raise RefusedError(opcode, path, reply.err)
        return reply.body


def expire(port: int, identity: tuple[int, bytes] | None) -> None:
    """Have no such session any more, however hard its owner tries to keep it."""

    def is_over() -> bool:
        try:
            end_session(port, *identity)  # type: ignore[misc]  # not None here
        except SessionRefusedError:
            return True
        except (EOFError, OSError):  # its owner came back before we were greeted
            return False
        return True

    if identity is not None:
        wait_until(is_over, 5, f"the end of session {identity[0]:#x}")


def _json(properties: Mapping[str, object] | None) -> bytes:
    return simplejson.dumps(properties or {}).encode()
