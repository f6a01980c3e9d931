"""S11: whoever has a session's id and password can take it over, so only `client_id` gives both."""

import inspect
import logging
import threading
from pathlib import Path

import pytest
import simplejson

from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.waiting import wait_until
from zc.zk import Client, ZooKeeper

SOON = 20.0


class Secret:
    """A password, in the shapes in which it could leak."""

    def __init__(self, password: bytes) -> None:
        number = int.from_bytes(password, "big")
        self._shapes = {
            repr(password)[2:-1],
            password.hex(),
            str(number),
            f"{number:x}",
            password.decode("latin-1"),
            repr(list(password))[1:-1],
        }

    def is_in(self, text: str) -> bool:
        return any(shape in text for shape in self._shapes)


def secret_of(client: Client) -> Secret:
    assert client.client_id is not None
    return Secret(client.client_id[1])


def public_values(value: object) -> dict[str, object]:
    """Give the public attributes of an object that are not methods."""
    return {
        name: each
        for name, each in inspect.getmembers(value)
        if not name.startswith("_") and not callable(each)
    }


def test_s11_a_password_is_recognised_in_every_shape() -> None:
    secret = Secret(b"0123456789abcde\xff")

    assert secret.is_in(repr((1, b"0123456789abcde\xff")))
    assert secret.is_in(b"0123456789abcde\xff".hex())
    assert not secret.is_in("CONNECTED, session 0x51")


def test_s11_no_public_attribute_but_client_id_shows_the_password(
    server: AnyServer, chroot: str
) -> None:
    with Client(server.address + chroot) as client, ZooKeeper(client) as zk:
        secret = secret_of(client)

        shown = {
            name
            for owner in (client, client.info, client.driver, client.driver.session, zk)
            for name, value in public_values(owner).items()
            if secret.is_in(repr(value))
        }

        assert shown == {"client_id"}
        assert not secret.is_in(repr(client) + str(client) + repr(zk) + repr(client.driver))


def test_s11_json_of_what_a_client_says_of_itself_has_no_password(
    server: AnyServer, chroot: str
) -> None:
    with Client(server.address + chroot) as client:
        values = {name: repr(value) for name, value in public_values(client.info).items()}

        assert not secret_of(client).is_in(simplejson.dumps(values))
        assert values["session_id"] != "0"


def test_s11_addresses_thread_names_and_the_process_title_have_no_password(
    server: AnyServer, chroot: str
) -> None:
    with Client(server.address + chroot) as client:
        secret = secret_of(client)
        names = [each.name for each in threading.enumerate()]
        title = Path("/proc/self/cmdline").read_bytes().decode() if Path("/proc").exists() else ""

        assert not any(map(secret.is_in, names))
        assert not secret.is_in(title)
        assert not secret.is_in(client.hosts + client.chroot)


def test_s11_logs_through_a_loss_and_a_new_session_have_no_password(
    server: AnyServer, chroot: str, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Client(proxy.address + chroot) as client:
        first = client.client_id
        assert first is not None
        proxy.cut()
        wait_until(lambda: client.info.reconnects == 1, SOON)
        server.expire(*first)
        wait_until(lambda: client.connected and client.client_id != first, SOON)
        second = secret_of(client)

    assert f"{first[0]:#x}" in caplog.text
    assert not Secret(first[1]).is_in(caplog.text)
    assert not second.is_in(caplog.text)
