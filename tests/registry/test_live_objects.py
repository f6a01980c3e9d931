"""Live children and properties, beyond zc.zk 0.1.0: how long they live, what their callbacks may do, bad input."""

import gc
import json
import threading
from typing import Any

import pytest

import zc.zk
from tests.faces import only_threads
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session
from tests.waiting import remains, stretched, wait_until
from zc.zk import Children, Properties, ZooKeeper

SOON = 20.0
A_MOMENT = 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["children", "properties"])
def test_an_object_that_nobody_uses_leaves_no_watch(zk: ZooKeeper, kind: str) -> None:
    live: Children | Properties = getattr(zk, kind)("/service")
    assert zk.watches == {"/service"}

    del live
    gc.collect()

    wait_until(lambda: zk.watches == set(), SOON)


def test_an_object_with_a_callback_lives_without_being_held(zk: ZooKeeper) -> None:
    seen: list[int] = []
    zk.children("/service")(lambda given: seen.append(len(given)))
    gc.collect()

    zk.create("/service/a")

    wait_until(lambda: seen == [0, 1], SOON)


@pytest.mark.slow
def test_an_object_whose_last_callback_has_gone_leaves_no_watch(zk: ZooKeeper) -> None:
    calls: list[int] = []

    def once(given: Children) -> None:
        calls.append(len(given))
        if len(calls) == 2:
            raise zc.zk.CancelWatch

    zk.children("/service")(once)
    zk.create("/service/a")
    wait_until(lambda: len(calls) == 2, SOON)

    def is_forgotten() -> bool:
        gc.collect()
        return zk.watches == set()

    wait_until(is_forgotten, SOON)


@pytest.mark.slow
def test_an_object_whose_first_call_failed_leaves_no_watch(zk: ZooKeeper) -> None:
    def failing(_: Children) -> None:
        raise zc.zk.CancelWatch

    with pytest.raises(zc.zk.CancelWatch):
        zk.children("/service")(failing)

    def is_forgotten() -> bool:
        gc.collect()
        return zk.watches == set()

    wait_until(is_forgotten, SOON)


def test_a_callback_given_twice_is_called_once_for_a_change(zk: ZooKeeper) -> None:
    seen: list[int] = []

    def note(given: Children) -> None:
        seen.append(len(given))

    children = zk.children("/service")
    children(note)
    children(note)
    zk.create("/service/a")

    wait_until(lambda: len(seen) > 2, SOON)
    assert remains(lambda: seen == [0, 0, 1], A_MOMENT)


@only_threads
def test_changes_that_come_while_a_callback_runs_make_one_more_call(zk: ZooKeeper) -> None:
    seen: list[int] = []
    may_go_on = threading.Event()

    @zk.properties("/service")
    def slow(given: Properties) -> None:
        seen.append(given["threads"])
        if len(seen) == 2:
            may_go_on.wait(stretched(SOON))

    followed = zk.properties("/service")
    zk.set("/service", b'{"threads": 2}')
    wait_until(lambda: len(seen) == 2, SOON)
    for count in (3, 4, 5):
        zk.set("/service", json.dumps({"threads": count}).encode())
    wait_until(lambda: followed["threads"] == 5, SOON)
    may_go_on.set()

    wait_until(lambda: len(seen) > 2, SOON)
    assert remains(lambda: seen == [1, 2, 5], A_MOMENT)


@only_threads
def test_a_slow_callback_holds_up_no_other_object(zk: ZooKeeper) -> None:
    may_go_on = threading.Event()
    seen: list[int] = []
    begun: list[int] = []

    def slow(given: Children) -> None:
        begun.append(len(given))
        if len(given):
            may_go_on.wait(stretched(SOON))

    zk.children("/service")(slow)
    zk.children("/service")(lambda given: seen.append(len(given)))

    zk.create("/service/a")

    wait_until(lambda: seen == [0, 1] and begun == [0, 1], SOON)
    may_go_on.set()


@only_threads
def test_a_callback_may_call_the_client_and_make_live_objects(zk: ZooKeeper) -> None:
    below: list[dict[str, Any]] = []

    @zk.children("/service")
    def look(children: Children) -> None:
        below.extend(dict(zk.properties(f"/service/{name}")) for name in children)

    zk.create("/service/a", b'{"deep": true}')

    wait_until(lambda: below == [{"deep": True}], SOON)


@only_threads
def test_a_callback_may_write_what_it_watches(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    @properties
    def count_up(given: Properties) -> None:
        if given["threads"] < 5:
            given.update(threads=given["threads"] + 1)

    wait_until(lambda: properties["threads"] == 5, SOON)


@only_threads
def test_a_callback_may_close_the_registry(zk: ZooKeeper, other: ZooKeeper) -> None:
    @zk.children("/service")
    def end(children: Children) -> None:
        if len(children):
            zk.close()

    other.create("/service/a")

    wait_until(lambda: zk.handle is None, SOON)


@only_threads
@pytest.mark.slow
def test_objects_whose_callbacks_register_with_each_other_do_not_wait_for_ever(
    zk: ZooKeeper,
) -> None:
    zk.create("/another")
    one, another = zk.children("/service"), zk.children("/another")
    meeting = threading.Barrier(2)
    called: list[str] = []

    def cross(given: Children, target: Children, name: str) -> None:
        if len(given) == 1:
            meeting.wait(stretched(SOON))
            target(lambda _: called.append(name))

    one(lambda given: cross(given, another, "one"))
    another(lambda given: cross(given, one, "another"))
    zk.create("/service/a")
    zk.create("/another/a")

    wait_until(lambda: {"one", "another"} <= set(called), SOON)


def test_what_cannot_be_called_is_refused(zk: ZooKeeper) -> None:
    not_callable: Any = 5

    with pytest.raises(TypeError):
        zk.children("/service")(not_callable)


def test_properties_without_a_watch_stay_as_they_were(zk: ZooKeeper) -> None:
    properties = zk.properties("/service", watch=False)

    zk.set("/service", b'{"threads": 2}')

    assert zk.watches == set()
    assert properties["threads"] == 1
    with pytest.raises(TypeError, match="without watching"):
        properties(lambda given: None)


def test_properties_are_equal_to_any_mapping_of_the_same_content(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    assert properties == {"threads": 1}
    assert properties == zk.properties("/service")
    assert properties != {"threads": 2}


def test_data_are_given_out_as_copies(zk: ZooKeeper) -> None:
    zk.create("/service/a")
    properties, children = zk.properties("/service"), zk.children("/service")

    properties.data.clear()
    children.data.clear()

    assert properties.data == {"threads": 1}
    assert children.data == ["a"]


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_what_json_has_no_form_for_is_refused_and_changes_nothing(
    zk: ZooKeeper, value: object
) -> None:
    properties = zk.properties("/service")

    with pytest.raises(zc.zk.UsageError):
        properties.update(threads=value)
    with pytest.raises(zc.zk.UsageError):
        properties.set({"threads": value})
    with pytest.raises(zc.zk.UsageError):
        properties["threads"] = value

    assert dict(properties) == zk.get_properties("/service") == {"threads": 1}


def test_a_property_cannot_be_deleted_and_what_to_do_is_said(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    with pytest.raises(zc.zk.UsageError, match=r"call set\(\) .* without 'threads'"):
        del properties["threads"]

    assert dict(properties) == {"threads": 1}


def test_properties_too_large_for_a_node_are_refused(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    with pytest.raises(zc.zk.RequestTooLargeError):
        properties.update(text="x" * 2**20)

    assert dict(properties) == {"threads": 1}


def test_properties_that_nobody_may_write_are_refused(zk: ZooKeeper) -> None:
    zk.create("/guarded", b"{}", zc.zk.READ_ACL_UNSAFE)
    properties = zk.properties("/guarded")

    with pytest.raises(zc.zk.NoAuthError):
        properties.update(a=1)

    assert dict(properties) == {}


@pytest.mark.parametrize("kind", ["children", "properties"])
def test_a_node_that_nobody_may_read_is_not_shown(zk: ZooKeeper, kind: str) -> None:
    unreadable = [zc.zk.world_permission(zc.zk.Permissions.ADMIN)]
    zk.create("/guarded", b"{}", unreadable)

    with pytest.raises(zc.zk.NoAuthError):
        getattr(zk, kind)("/guarded")

    assert zk.watches == set()


@pytest.mark.slow
def test_a_node_that_became_unreadable_is_logged_and_shown_again_when_it_can_be(
    zk: ZooKeeper, server: AnyServer, caplog: pytest.LogCaptureFixture
) -> None:
    zk.create("/guarded", b'{"a": 1}')
    seen: list[dict[str, Any]] = []
    properties = zk.properties("/guarded")
    properties(lambda given: seen.append(dict(given)))
    zk.client.set_acls("/guarded", [zc.zk.world_permission(zc.zk.Permissions.ALL - 1)])
    zk.set("/guarded", b'{"a": 2}')

    lose_session(zk.client, server)
    wait_until(lambda: "/guarded" in caplog.text, SOON)
    assert dict(properties) == {"a": 1}
    zk.client.set_acls("/guarded", zc.zk.OPEN_ACL_UNSAFE)

    wait_until(lambda: seen == [{"a": 1}, {"a": 2}], SOON)


@pytest.mark.parametrize("path", ["service", "/service/", "", "/a//b", "/.."])
def test_a_path_that_cannot_be_is_a_value_error(zk: ZooKeeper, path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        zk.children(path)
    with pytest.raises(ValueError, match="not a path"):
        zk.properties(path)


def test_the_last_known_state_is_shown_while_the_connection_is_lost(
    zk: ZooKeeper, proxy: FaultProxy, chroot: str
) -> None:
    zk.create("/service/a")
    with ZooKeeper(proxy.address + chroot) as followed:
        children, properties = followed.children("/service"), followed.properties("/service")

        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not followed.connected.is_set(), SOON)

        assert list(children) == ["a"]
        assert dict(properties) == {"threads": 1}
        proxy.accept()


@pytest.mark.slow
def test_a_lost_reply_to_a_write_is_found_out_by_reading(
    zk: ZooKeeper, proxy: FaultProxy, chroot: str
) -> None:
    with ZooKeeper(proxy.address + chroot) as followed:
        properties = followed.properties("/service")
        proxy.cut_on(lambda frame: frame.direction == "to_client" and frame.opcode == 5)

        properties.update(threads=2)

        assert properties["threads"] == 2
        assert properties.meta_data is not None
        assert properties.meta_data.version == 1


@pytest.mark.slow
def test_writing_gives_up_when_its_time_is_over(
    server: AnyServer, chroot: str, proxy: FaultProxy
) -> None:
    with zc.zk.Client(proxy.address + chroot, operation_timeout=0.2) as client:
        client.create("/service", b"{}")
        properties = ZooKeeper(client).properties("/service")
        proxy.refuse()
        proxy.cut()

        with pytest.raises(zc.zk.OperationTimeoutError):
            properties.update(a=1)

        assert dict(properties) == {}


def test_many_objects_are_read_at_once_and_live(zk: ZooKeeper) -> None:
    zk.create("/other", b'{"threads": 2}')

    children = zk.children_of(["/service", "/other"])
    properties = zk.properties_of(["/service", "/other"])

    assert {path: len(each) for path, each in children.items()} == {"/service": 0, "/other": 0}
    assert {path: each["threads"] for path, each in properties.items()} == {
        "/service": 1,
        "/other": 2,
    }
    zk.create("/other/a")
    properties["/service"].update(threads=3)
    wait_until(lambda: list(children["/other"]) == ["a"], SOON)
    assert properties["/service"]["threads"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["children_of", "properties_of"])
def test_no_watch_of_many_stays_when_one_node_is_missing(zk: ZooKeeper, kind: str) -> None:
    with pytest.raises(zc.zk.NoNodeError, match="/missing"):
        getattr(zk, kind)(["/missing", "/service"])

    gc.collect()
    wait_until(lambda: zk.watches == set(), SOON)


def test_a_list_shows_our_own_registration_when_the_call_returns(zk: ZooKeeper) -> None:
    children = zk.children("/service")

    for port in range(1, 50):
        zk.register("/service", ("host", port))
        assert f"host:{port}" in children

    zk.register("/service", ("host", 50)).withdraw()
    assert "host:50" not in children
    zk.client.create("/service/a")
    assert "a" in children
    zk.client.delete("/service/a")
    assert "a" not in children


def test_properties_show_our_own_write_by_another_way_when_the_call_returns(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    for number in range(50):
        zk.client.set("/service", b'{"n": %d}' % number)
        assert properties["n"] == number


@pytest.mark.parametrize("bad", ["x", [("a", 1)], 5])
def test_properties_are_given_as_a_mapping(zk: ZooKeeper, bad: Any) -> None:
    properties = zk.properties("/service")

    with pytest.raises(TypeError, match="properties must be given as a mapping, not"):
        properties.update(bad)
    with pytest.raises(TypeError, match="properties must be given as a mapping, not"):
        zk.register("/service", ("host", 1)).update(bad)
