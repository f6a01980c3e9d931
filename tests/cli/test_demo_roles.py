import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from tests.waiting import wait_until
from zc.zk import ZooKeeper
from zc.zk.cli import demo_roles
from zc.zk.testing import Server

SOON = 20.0


@pytest.fixture
def zk() -> Iterator[ZooKeeper]:
    """A session with a server where the service of the demo is laid out."""
    with Server() as server, ZooKeeper(server.address) as zk:
        demo_roles.prepare(server.address)
        yield zk


def test_the_service_has_its_configuration(zk: ZooKeeper) -> None:
    assert zk.get_properties("/fooservice") == {"colour": "blue", "threads": 2}


def test_a_change_of_the_configuration_leaves_what_it_does_not_name(zk: ZooKeeper) -> None:
    demo_roles.configure(zk.zkaddr)

    assert zk.get_properties("/fooservice") == {"colour": "blue", "threads": 8}


def test_a_server_registers_the_address_it_listens_on(zk: ZooKeeper) -> None:
    server, listener = demo_roles.serve(zk.zkaddr)
    with server, listener:
        host, port = listener.getsockname()

        assert zk.get_children("/fooservice/servers") == [f"{host}:{port}"]


def test_a_watcher_prints_what_there_is(zk: ZooKeeper) -> None:
    with redirect_stdout(io.StringIO()) as printed, demo_roles.watch(zk.zkaddr):
        pass

    assert printed.getvalue() == (
        "servers: none\nconfiguration: " + str({"colour": "blue", "threads": 2}) + "\n"
    )


def test_an_operator_ends_a_session_that_begins_anew(zk: ZooKeeper) -> None:
    with ZooKeeper(zk.zkaddr) as victim:
        before = victim.client.client_id
        assert before is not None

        demo_roles.end_session(zk.zkaddr, *before)

        wait_until(lambda: victim.client.client_id not in (None, before), SOON)


def test_a_server_tells_who_it_is_as_json(
    zk: ZooKeeper, capsys: pytest.CaptureFixture[str]
) -> None:
    server, listener = demo_roles.serve(zk.zkaddr)
    with server, listener:
        demo_roles._tell(server, listener)  # noqa: SLF001 (what the demo hears)

    told = json.loads(capsys.readouterr().out)
    assert told["address"].startswith("127.0.0.1:")
    assert told["session_id"]
