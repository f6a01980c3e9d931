"""Registrations: made, kept through lost sessions, changed and withdrawn."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zc.zk
from tests import wire
from tests.bareclient import BareClient
from tests.faces import only_threads
from tests.frames import Kind, of_kind
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import identity, lose_session, session_id
from tests.waiting import remains, stretched, wait_until
from zc.zk import Client, NodeExistsError, ZooKeeper

SOON = 20.0
A_MOMENT = 0.05
ADDRESS = ("192.168.0.42", 8080)
NODE = "/service/192.168.0.42:8080"
EPHEMERAL = 1


@pytest.fixture
def patient(server: AnyServer, chroot: str, proxy: FaultProxy) -> Iterator[Client]:
    """A client behind the proxy, whose calls do not wait for long."""
    with Client(proxy.address + chroot, operation_timeout=0.3) as client:
        client.create("/service")
        yield client


def owner_of(zk: ZooKeeper, path: str) -> int | None:
    stat = zk.exists(path)
    return None if stat is None else stat.owner_session_id


def weight_of(zk: ZooKeeper, path: str) -> object:
    try:
        return zk.get_properties(path)["weight"]
    except zc.zk.NoNodeError:
        return None  # between deletion and creation, where the ACL lets nobody write the node


# --- whose the name is


@pytest.mark.slow
def test_a_name_held_by_another_session_is_refused_where_nobody_waits(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    other.register("/service", ADDRESS)

    with pytest.raises(NodeExistsError) as failed:
        zk.register("/service", ADDRESS, wait_for_name=0)

    assert failed.value.owner == session_id(other.client)
    assert failed.value.path == NODE
    assert f"{session_id(other.client):#x}" in str(failed.value)


@pytest.mark.slow
def test_a_name_held_by_another_session_is_waited_for_as_long_as_was_asked(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    other.register("/service", ADDRESS)

    with pytest.raises(NodeExistsError):
        zk.register("/service", ADDRESS, wait_for_name=0.2)

    assert owner_of(zk, NODE) == session_id(other.client)


def test_a_name_is_taken_when_the_session_that_held_it_closes(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    other.register("/service", ADDRESS)
    with ThreadPoolExecutor(1) as threads:
        registering = threads.submit(zk.register, "/service", ADDRESS)
        assert remains(lambda: not registering.done(), A_MOMENT)

        other.close()

        assert registering.result(stretched(SOON)).is_held
    assert owner_of(zk, NODE) == session_id(zk.client)


@pytest.mark.slow
def test_a_name_is_taken_from_a_crashed_predecessor_when_its_session_expires(
    zk: ZooKeeper, server: AnyServer, chroot: str
) -> None:
    with BareClient.connect(server.port, timeout=0.5) as predecessor:
        body = wire.create_body(chroot + NODE, b"{}", EPHEMERAL)
        assert predecessor.call(wire.Opcode.CREATE, body).err == 0

    registered = zk.register("/service", ADDRESS)

    assert registered.is_held
    assert owner_of(zk, NODE) == session_id(zk.client)


def test_a_name_of_a_node_that_is_not_ephemeral_is_refused_at_once(zk: ZooKeeper) -> None:
    zk.create(NODE)

    with pytest.raises(NodeExistsError):
        zk.register("/service", ADDRESS)


def test_waiting_for_a_name_ends_when_the_client_is_closed(zk: ZooKeeper, other: ZooKeeper) -> None:
    other.register("/service", ADDRESS)
    with ThreadPoolExecutor(1) as threads:
        registering = threads.submit(zk.register, "/service", ADDRESS)
        assert remains(lambda: not registering.done(), A_MOMENT)

        zk.close()

        with pytest.raises(zc.zk.ConnectionClosedError):
            registering.result(stretched(SOON))


def test_a_negative_wait_is_a_value_error(zk: ZooKeeper) -> None:
    with pytest.raises(ValueError, match="wait_for_name"):
        zk.register("/service", ADDRESS, wait_for_name=-1)


def test_a_name_may_be_registered_again_after_a_failure(zk: ZooKeeper) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        zk.register("/later", ADDRESS)
    zk.create("/later")

    assert zk.register("/later", ADDRESS).is_held


@pytest.mark.parametrize("data", [{"x": object()}, {"x": float("inf")}])
def test_properties_that_cannot_be_are_refused_before_anything_is_made(
    zk: ZooKeeper, data: dict[str, Any]
) -> None:
    with pytest.raises(zc.zk.UsageError):
        zk.register("/service", ADDRESS, **data)

    assert zk.get_children("/service") == []


def test_a_registration_whose_reply_was_lost_is_ours(
    server: AnyServer, proxy: FaultProxy, chroot: str
) -> None:
    with ZooKeeper(proxy.address + chroot) as zk:
        zk.create("/service")
        proxy.cut_on(lambda frame: frame.direction == "to_client" and frame.opcode == 1)

        registered = zk.register("/service", ADDRESS)

        assert registered.is_held
        assert owner_of(zk, NODE) == session_id(zk.client)


# --- kept


@pytest.mark.slow
@only_threads
def test_a_registration_that_is_interrupted_at_the_last_moment_goes_again(
    zk: ZooKeeper, other: ZooKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(zk.client, "catch_up", interrupt)
    with pytest.raises(KeyboardInterrupt):
        zk.register("/service", "h:1")

    wait_until(lambda: not other.exists("/service/h:1"), SOON)
    assert zk.register("/service", "h:1").is_held


def test_a_registration_that_is_still_ours_is_not_touched_by_a_lost_connection(
    zk: ZooKeeper, proxy: FaultProxy, chroot: str
) -> None:
    with ZooKeeper(proxy.address + chroot) as followed:
        followed.register("/service", ADDRESS)
        before = zk.exists(NODE)

        proxy.cut()
        wait_until(lambda: len(proxy.attempts) > 1 and followed.client.connected, SOON)

        assert remains(lambda: zk.exists(NODE) == before, A_MOMENT)


@pytest.mark.slow
def test_a_registration_comes_back_with_its_latest_properties(
    zk: ZooKeeper, server: AnyServer
) -> None:
    registered = zk.register("/service", ADDRESS, weight=1)
    registered.update(weight=2, color="red")

    lose_session(zk.client, server)

    wait_until(lambda: owner_of(zk, NODE) == session_id(zk.client), SOON)
    assert zk.get_properties(NODE) == {"pid": os.getpid(), "weight": 2, "color": "red"}


@pytest.mark.slow
def test_a_registration_comes_back_with_what_others_wrote(
    zk: ZooKeeper, other: ZooKeeper, server: AnyServer
) -> None:
    registered = zk.register("/service", ADDRESS, acl=zc.zk.OPEN_ACL_UNSAFE)
    other.properties(NODE).set(drain=True)
    wait_until(lambda: registered.data == {"drain": True}, SOON)

    lose_session(zk.client, server)

    wait_until(lambda: owner_of(other, NODE) == session_id(zk.client), SOON)
    assert other.get_properties(NODE) == {"drain": True}


def test_a_registration_that_somebody_deleted_comes_back(zk: ZooKeeper, other: ZooKeeper) -> None:
    zk.register("/service", ADDRESS)
    first = zk.exists(NODE)
    assert first is not None

    other.delete(NODE)

    def is_another() -> bool:
        stat = zk.exists(NODE)
        return stat is not None and stat.czxid != first.czxid

    wait_until(is_another, SOON)
    assert owner_of(zk, NODE) == session_id(zk.client)


@pytest.mark.slow
def test_a_registration_comes_back_as_soon_as_its_service_does(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    zk.register("/service", ADDRESS)

    other.delete("/service", recursive=True)
    if other.exists("/service") is None:
        other.create("/service")

    wait_until(lambda: owner_of(zk, NODE) == session_id(zk.client), SOON)


@pytest.mark.slow
def test_a_node_that_our_own_earlier_session_left_is_taken_over(
    zk: ZooKeeper, proxy: FaultProxy, chroot: str
) -> None:
    with ZooKeeper(proxy.address + chroot) as followed:
        registered = followed.register("/service", ADDRESS, weight=3)
        earlier = session_id(followed.client)
        # The client takes its session for lost, the server keeps it, and with it the node.
        refusal = wire.session_refused()[4:]
        proxy.rewrite(of_kind(Kind.CONNECT_RESPONSE), lambda _: refusal, times=1)

        proxy.cut()
        wait_until(lambda: owner_of(zk, NODE) not in {earlier, None}, SOON)

        assert owner_of(zk, NODE) == session_id(followed.client)
        assert zk.get_properties(NODE)["weight"] == 3
        wait_until(lambda: registered.is_held, SOON)


@pytest.mark.slow
def test_a_name_lost_to_another_session_is_waited_for_and_taken_when_it_goes(
    zk: ZooKeeper,
    server: AnyServer,
    chroot: str,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ZooKeeper(proxy.address + chroot) as loser, ZooKeeper(zk.zkaddr) as taker:
        registered = loser.register("/service", ADDRESS)
        proxy.refuse()
        proxy.cut()
        server.expire(*identity(loser.client))
        taker.register("/service", ADDRESS)
        proxy.accept()
        wait_until(lambda: not registered.is_held, SOON)
        wait_until(lambda: "held by session" in caplog.text, SOON)
        assert owner_of(zk, NODE) == session_id(taker.client)

        taker.close()

        wait_until(lambda: owner_of(zk, NODE) == session_id(loser.client), SOON)
        assert caplog.text.count("held by session") == 1


@pytest.mark.slow
def test_many_registrations_all_come_back(zk: ZooKeeper, server: AnyServer) -> None:
    for port in range(1, 81):
        zk.register("/service", ("host", port))

    lose_session(zk.client, server)

    def are_back() -> bool:
        names = zk.get_children("/service")
        owners = {owner_of(zk, f"/service/{name}") for name in names}
        return len(names) == 80 and owners == {session_id(zk.client)}

    wait_until(are_back, SOON)


def test_registrations_come_back_when_a_given_client_is_started_again(
    server: AnyServer, chroot: str
) -> None:
    with Client(server.address + chroot) as client:
        zk = ZooKeeper(client)
        zk.create("/service")
        zk.register("/service", ADDRESS)

        client.restart()

        wait_until(zk.connected.is_set, SOON)
        wait_until(lambda: owner_of(zk, NODE) == session_id(client), SOON)
        zk.close()


# --- changed


def test_updating_leaves_the_other_properties_and_shows_at_once(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, weight=1, color="red")

    registered.update({"weight": 2})

    expected = {"weight": 2, "color": "red", "pid": os.getpid()}
    assert registered.data == expected
    assert zk.get_properties(NODE) == expected


def test_a_registration_that_is_updated_is_never_found_missing(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    registered = zk.register("/service", ADDRESS, weight=0)
    found: list[bool] = []

    def look(_: object) -> None:
        found.append(other.exists(NODE, look) is not None)

    other.exists(NODE, look)

    for weight in range(1, 11):
        registered.update(weight=weight)

    wait_until(lambda: len(found) >= 1 and weight_of(other, NODE) == 10, SOON)
    assert all(found)


def test_an_update_leaves_the_registration_to_its_session(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, weight=1)
    before = zk.exists(NODE)

    registered.update(weight=2)

    after = zk.exists(NODE)
    assert before is not None
    assert after is not None
    assert after.owner_session_id == before.owner_session_id == session_id(zk.client)
    assert zk.client.get_acls(NODE)[0] == zc.zk.READ_ACL_UNSAFE


def test_a_registration_that_may_be_written_is_updated_in_place(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, acl=zc.zk.OPEN_ACL_UNSAFE)
    before = zk.exists(NODE)

    registered.update(weight=2)

    after = zk.exists(NODE)
    assert before is not None
    assert after is not None
    assert after.czxid == before.czxid
    assert after.version == before.version + 1


def test_updating_to_what_it_is_already_returns(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, weight=1)

    registered.update(weight=1)

    assert registered.data["weight"] == 1


def test_an_update_that_cannot_be_encoded_changes_nothing(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, weight=1)

    with pytest.raises(TypeError):
        registered.update(weight=object())

    assert registered.data["weight"] == 1


@pytest.mark.slow
def test_an_update_that_is_too_large_changes_nothing_and_the_registration_lives_on(
    zk: ZooKeeper, server: AnyServer
) -> None:
    registered = zk.register("/service", ADDRESS, weight=1)

    with pytest.raises(zc.zk.RequestTooLargeError):
        registered.update(text="x" * 2**20)
    lose_session(zk.client, server)

    wait_until(lambda: owner_of(zk, NODE) == session_id(zk.client), SOON)
    assert registered.data == {"weight": 1, "pid": os.getpid()}


@pytest.mark.slow
def test_an_update_during_an_outage_times_out_and_happens_afterwards(
    patient: Client, proxy: FaultProxy, server: AnyServer, chroot: str
) -> None:
    zk = ZooKeeper(patient)
    registered = zk.register("/service", ADDRESS, weight=1)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: not zk.connected.is_set(), SOON)

    with pytest.raises(zc.zk.OperationTimeoutError) as failed:
        registered.update(weight=2)
    assert failed.value.maybe_applied

    proxy.accept()
    with ZooKeeper(server.address + chroot) as observer:
        wait_until(lambda: weight_of(observer, NODE) == 2, SOON)
    wait_until(lambda: registered.data["weight"] == 2, SOON)


# --- withdrawn


@pytest.mark.slow
def test_withdrawing_removes_the_node_for_good(zk: ZooKeeper, server: AnyServer) -> None:
    registered = zk.register("/service", ADDRESS)

    registered.withdraw()
    assert zk.exists(NODE) is None
    lose_session(zk.client, server)

    assert remains(lambda: zk.exists(NODE) is None, A_MOMENT)
    assert not registered.is_held


def test_a_withdrawn_name_may_be_registered_again(zk: ZooKeeper) -> None:
    zk.register("/service", ADDRESS, weight=1).withdraw()

    registered = zk.register("/service", ADDRESS, weight=2)

    assert registered.is_held
    assert zk.get_properties(NODE)["weight"] == 2


def test_what_was_withdrawn_may_be_withdrawn_again_but_not_updated(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS)
    registered.withdraw()

    registered.withdraw()

    with pytest.raises(zc.zk.ZooKeeperError, match="withdrawn"):
        registered.update(weight=2)


def test_a_withdrawn_registration_is_not_the_next_one_of_that_name(zk: ZooKeeper) -> None:
    first = zk.register("/service", ADDRESS, weight=1)
    first.withdraw()
    second = zk.register("/service", ADDRESS, weight=2)

    first.withdraw()
    with pytest.raises(zc.zk.UsageError, match="withdrawn"):
        first.update(weight=3)

    assert second.is_held
    assert not first.is_held
    assert zk.get_properties(NODE)["weight"] == 2


@pytest.mark.slow
def test_what_is_withdrawn_during_an_outage_goes_afterwards(
    patient: Client, proxy: FaultProxy, server: AnyServer, chroot: str
) -> None:
    zk = ZooKeeper(patient)
    registered = zk.register("/service", ADDRESS)
    proxy.refuse()
    proxy.cut()
    wait_until(lambda: not zk.connected.is_set(), SOON)

    with pytest.raises(zc.zk.OperationTimeoutError):
        registered.withdraw()

    proxy.accept()
    with ZooKeeper(server.address + chroot) as observer:
        wait_until(lambda: observer.exists(NODE) is None, SOON)


@pytest.mark.slow
def test_closing_during_an_outage_is_quick_and_withdraws_the_registrations_of_a_given_client(
    proxy: FaultProxy, server: AnyServer, chroot: str
) -> None:
    with Client(proxy.address + chroot) as client, ZooKeeper(server.address + chroot) as observer:
        client.create("/service")
        zk = ZooKeeper(client)
        for port in (1, 2, 3):
            zk.register("/service", ("host", port))
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not zk.connected.is_set(), SOON)
        begun = time.monotonic()

        zk.close()

        assert time.monotonic() - begun < stretched(2.0)
        proxy.accept()
        wait_until(lambda: observer.get_children("/service") == [], SOON)


@pytest.mark.slow
def test_a_node_that_is_not_ours_any_more_is_left_alone_by_withdrawing(
    zk: ZooKeeper, server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with ZooKeeper(proxy.address + chroot) as loser, ZooKeeper(zk.zkaddr) as taker:
        registered = loser.register("/service", ADDRESS)
        proxy.refuse()
        proxy.cut()
        server.expire(*identity(loser.client))
        taker.register("/service", ADDRESS)
        proxy.accept()
        wait_until(lambda: not registered.is_held and loser.client.connected, SOON)

        registered.withdraw()

        assert owner_of(zk, NODE) == session_id(taker.client)


def test_withdrawing_after_closing_says_that_it_is_closed(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS)
    zk.close()

    with pytest.raises(zc.zk.ConnectionClosedError):
        registered.withdraw()


def test_a_registration_tells_its_path_address_and_standing(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS)

    assert registered.path == NODE
    assert registered.address == "192.168.0.42:8080"
    assert registered.is_held
    assert NODE in repr(registered)


@pytest.mark.slow
def test_a_registration_of_a_lost_session_is_not_held_until_it_is_back(
    zk: ZooKeeper, proxy: FaultProxy, server: AnyServer, chroot: str
) -> None:
    with ZooKeeper(proxy.address + chroot) as loser:
        registered = loser.register("/service", ADDRESS)
        assert registered.is_held
        proxy.refuse()
        proxy.cut()
        server.expire(*identity(loser.client))
        lost: list[bool] = []
        loser.client.add_listener(
            lambda state: lost.append(registered.is_held) if state is zc.zk.State.LOST else None
        )

        proxy.accept()

        wait_until(lambda: lost, SOON)
        assert lost == [False]
        wait_until(lambda: registered.is_held, SOON)
        assert owner_of(zk, NODE) == session_id(loser.client)


def test_updates_at_the_same_time_do_not_lose_each_other(zk: ZooKeeper) -> None:
    registered = zk.register("/service", ADDRESS, acl=zc.zk.OPEN_ACL_UNSAFE)

    with ThreadPoolExecutor(4) as threads:
        for update in [threads.submit(registered.update, {f"n{n}": n}) for n in range(40)]:
            update.result()

    properties = zk.get_properties(NODE)
    assert [properties.get(f"n{n}") for n in range(40)] == list(range(40))
