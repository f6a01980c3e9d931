"""Ask for the session of one of our clients, and take it away."""

from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Client

SECONDS_TO_RECOVER = 20.0


def session_id(client: Client) -> int:
    """Give the id of the session that the client has now."""
    return identity(client)[0]


def identity(client: Client) -> tuple[int, bytes]:
    """Give the id and the password of the session that the client has now."""
    found = client.client_id
    assert found is not None
    return found


def lose_session(client: Client, server: AnyServer) -> None:
    """End the session from outside; return when the client has another one."""
    lost = identity(client)
    server.expire(*lost)
    wait_until(lambda: client.connected and client.client_id != lost, SECONDS_TO_RECOVER)
