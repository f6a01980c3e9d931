"""The session of the examples in zc.zk 0.1.0's documentation, in its order, in Python 3 spelling."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zc.zk
from tests.servers import AnyServer
from tests.waiting import wait_until

SOON = 20.0
Expect = Callable[[str], None]


@pytest.fixture
def zk(server: AnyServer, chroot: str) -> Iterator[zc.zk.ZooKeeper]:
    with zc.zk.ZooKeeper(server.address + chroot) as zk:
        zk.client.create(
            "/fooservice",
            b'{"database": "/databases/foomain", "favorite_color": "red", "threads": 1}',
        )
        zk.client.create("/fooservice/servers")
        yield zk


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Expect:
    """Give a function that waits until exactly some lines have been printed since its last call."""

    def expect(text: str) -> None:
        seen: list[str] = []

        def is_printed() -> bool:
            seen.append(capsys.readouterr().out)
            return len("".join(seen)) >= len(text)

        wait_until(is_printed, SOON, what=f"the output {text!r}")
        assert "".join(seen) == text

    return expect


def test_the_documented_session_prints_what_the_document_shows(
    zk: zc.zk.ZooKeeper, printed: Expect
) -> None:
    zk.register_server("/fooservice/servers", ("192.168.0.42", 8080))

    addresses = zk.children("/fooservice/servers")
    assert sorted(addresses) == ["192.168.0.42:8080"]

    zk.register_server("/fooservice/servers", ("192.168.0.42", 8081))
    wait_until(lambda: sorted(addresses) == ["192.168.0.42:8080", "192.168.0.42:8081"], SOON)

    @zk.children("/fooservice/servers")
    def addresses_updated(addresses: zc.zk.Children) -> None:
        print("addresses changed")  # noqa: T201 (the example prints)
        print(sorted(addresses))  # noqa: T201 (the example prints)

    printed("addresses changed\n['192.168.0.42:8080', '192.168.0.42:8081']\n")

    zk.register_server("/fooservice/servers", ("192.168.0.42", 8082))
    printed("addresses changed\n['192.168.0.42:8080', '192.168.0.42:8081', '192.168.0.42:8082']\n")

    data = zk.properties("/fooservice")
    assert data["database"] == "/databases/foomain"
    assert data["threads"] == 1

    @zk.properties("/fooservice")
    def data_updated(data: zc.zk.Properties) -> None:
        print("data updated")  # noqa: T201 (the example prints)
        for item in sorted(data.items()):
            print("%s: %r" % item)  # noqa: T201, UP031 (the example prints, and so)

    printed("data updated\ndatabase: '/databases/foomain'\nfavorite_color: 'red'\nthreads: 1\n")

    data.update(threads=2, secret="123")
    printed(
        "data updated\n"
        "database: '/databases/foomain'\n"
        "favorite_color: 'red'\n"
        "secret: '123'\n"
        "threads: 2\n"
    )

    data.set(threads=3, secret="1234")
    printed("data updated\nsecret: '1234'\nthreads: 3\n")

    zk.close()
    printed("")
    assert zk.handle is None


def test_the_decorated_names_of_the_examples_are_the_functions(zk: zc.zk.ZooKeeper) -> None:
    def addresses_updated(addresses: zc.zk.Children) -> None: ...

    def data_updated(data: zc.zk.Properties) -> None: ...

    assert zk.children("/fooservice/servers")(addresses_updated) is addresses_updated
    assert zk.properties("/fooservice")(data_updated) is data_updated


@pytest.mark.slow
def test_watches_are_established_again_with_the_session(
    zk: zc.zk.ZooKeeper, server: AnyServer
) -> None:
    data = zk.properties("/fooservice")
    lost = zk.client.client_id
    assert lost is not None

    server.expire(*lost)
    wait_until(lambda: zk.client.connected and zk.client.client_id != lost, SOON)
    zk.client.set("/fooservice", b'{"threads": 4}')

    wait_until(lambda: dict(data) == {"threads": 4}, SOON)


def test_messages_of_the_protocol_are_forwarded_to_the_logger_named_zookeeper(
    server: AnyServer, chroot: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ZooKeeper"):
        zc.zk.ZooKeeper(server.address + chroot).close()

    assert any("CONNECTED" in record.getMessage() for record in caplog.records)
    assert {record.name for record in caplog.records} == {"ZooKeeper"}


def test_a_deleted_node_clears_its_objects_and_calls_without_arguments(
    zk: zc.zk.ZooKeeper,
) -> None:
    zk.client.create("/short-lived", b'{"a": 1}')
    calls: list[tuple[Any, ...]] = []
    data = zk.properties("/short-lived")
    children = zk.children("/short-lived")
    zk.properties("/short-lived")(lambda *arguments: calls.append(arguments))

    zk.client.delete("/short-lived")

    wait_until(lambda: calls[1:] == [()], SOON)
    wait_until(lambda: data.deleted and children.deleted, SOON)
    assert (dict(data), list(children)) == ({}, [])
    with pytest.raises(zc.zk.NoNodeError):
        data.update(a=2)
