"""Repeat what a client says, for the tests of what stands between a client and a server."""

from tests import wire
from tests.bareclient import BareClient
from tests.scripted import ScriptedServer, answering
from tests.waiting import stretched

A_MOMENT = 0.05
QUICKLY = 5.0


class Echo(ScriptedServer):
    """Answers each request with its own body, and remembers all requests."""

    def __init__(self) -> None:
        self.requests: list[wire.Request] = []
        super().__init__(answering(self._answer))

    def _answer(self, request: wire.Request) -> bytes:
        self.requests.append(request)
        return wire.reply(request.xid, body=request.body)


def is_silent(client: BareClient) -> bool:
    client.connection.settimeout(A_MOMENT)
    try:
        client.connection.recv(1)
    except TimeoutError:
        return True
    finally:
        client.connection.settimeout(stretched(QUICKLY))
    return False


def ends_by_fin(client: BareClient) -> bool:
    return client.connection.recv(1) == b""


def ends_by_rst(client: BareClient) -> bool:
    try:
        client.connection.recv(1)
    except ConnectionResetError:
        return True
    return False
