"""Live children and properties: rows Z15-Z34 of features.md 1.1."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zc.zk
from tests.proxy import FaultProxy
from tests.servers import AnyServer
from tests.sessions import lose_session
from tests.waiting import wait_until
from zc.zk import Children, Properties, ZooKeeper

SOON = 20.0
ADDRESS = ("192.168.0.42", 8080)


# --- children


def test_z15_children_are_always_those_of_now(zk: ZooKeeper, other: ZooKeeper) -> None:
    children = zk.children("/service")
    assert isinstance(children, Children)
    assert sorted(children) == []

    other.register_server("/service", ADDRESS)
    wait_until(lambda: sorted(children) == ["192.168.0.42:8080"], SOON)

    other.close()
    wait_until(lambda: sorted(children) == [], SOON)


def test_z15_there_must_be_a_node_to_have_children(zk: ZooKeeper) -> None:
    with pytest.raises(zc.zk.NoNodeError):
        zk.children("/missing")


def test_z16_iterating_gives_the_names(zk: ZooKeeper) -> None:
    for name in ("b", "a"):
        zk.create(f"/service/{name}")
    children = zk.children("/service")

    assert sorted(iter(children)) == ["a", "b"]
    assert len(children) == 2
    assert "a" in children
    assert "c" not in children


def test_z17_a_callback_is_called_at_once_and_after_each_change(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    seen: list[list[str]] = []
    children = zk.children("/service")

    @children
    def note(given: Children) -> None:
        assert given is children
        seen.append(sorted(given))

    assert seen == [[]]

    other.create("/service/a")
    wait_until(lambda: seen[1:] == [["a"]], SOON)
    other.delete("/service/a")
    wait_until(lambda: seen[2:] == [[]], SOON)


def test_z18_a_decorated_name_is_the_function(zk: ZooKeeper) -> None:
    def children_changed(children: Children) -> None: ...

    def properties_changed(properties: Properties) -> None: ...

    assert zk.children("/service")(children_changed) is children_changed
    assert zk.properties("/service")(properties_changed) is properties_changed


def test_z19_an_object_has_any_number_of_callbacks(zk: ZooKeeper, other: ZooKeeper) -> None:
    first: list[int] = []
    second: list[int] = []
    children = zk.children("/service")
    children(lambda given: first.append(len(given)))
    children(lambda given: second.append(len(given)))

    other.create("/service/a")

    wait_until(lambda: first == second == [0, 1], SOON)


# --- properties


def test_z20_properties_are_a_mapping_to_read(zk: ZooKeeper) -> None:
    zk.set("/service", b'{"a": 1, "b": [2]}')
    properties = zk.properties("/service")

    assert properties["a"] == 1
    assert len(properties) == 2
    assert sorted(properties) == ["a", "b"]
    assert "a" in properties
    assert "c" not in properties
    assert sorted(properties.keys()) == ["a", "b"]
    assert sorted(properties.items()) == [("a", 1), ("b", [2])]
    assert properties.get("c", "nothing") == "nothing"
    with pytest.raises(KeyError):
        properties["c"]


def test_z20_a_copy_is_a_dictionary_of_its_own(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    copy = properties.copy()
    copy["threads"] = 2

    assert type(copy) is dict
    assert properties["threads"] == 1


def test_z20_properties_are_hashed_by_identity(zk: ZooKeeper) -> None:
    one, another = zk.properties("/service"), zk.properties("/service")

    assert one == another
    assert len({one: 1, another: 2}) == 2


@pytest.mark.parametrize(
    ("data", "properties"),
    [
        (b"", {}),
        (b" \n ", {}),
        (b"{}", {}),
        (b' {"a": 1}\n', {"a": 1}),
        (b" hello ", {"string_value": " hello "}),
        (b"[1]", {"string_value": "[1]"}),
        (b"{broken}", {"string_value": "{broken}"}),
    ],
)
def test_z21_data_are_decoded_as_json_or_kept_as_a_string(
    zk: ZooKeeper, data: bytes, properties: dict[str, Any]
) -> None:
    zk.set("/service", data)

    assert zk.properties("/service") == properties
    assert zk.get_properties("/service") == properties


def test_z21_broken_json_is_logged_and_its_text_is_not(
    zk: ZooKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    zk.set("/service", b"{secret}")

    zk.get_properties("/service")

    assert "/service" in caplog.text
    assert "secret" not in caplog.text


def test_z22_meta_data_is_the_status_of_the_last_reading(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")
    stat = zk.set("/service", b'{"threads": 2}')

    wait_until(lambda: properties["threads"] == 2, SOON)
    assert properties.meta_data == stat


def test_z23_a_callback_gets_the_properties_at_once_and_after_each_change(
    zk: ZooKeeper, other: ZooKeeper
) -> None:
    seen: list[dict[str, Any]] = []
    properties = zk.properties("/service")

    @properties
    def note(given: Properties) -> None:
        assert given is properties
        seen.append(dict(given))

    assert seen == [{"threads": 1}]

    other.set("/service", b'{"threads": 2}')
    wait_until(lambda: seen[1:] == [{"threads": 2}], SOON)


def test_z24_setting_replaces_all_properties(zk: ZooKeeper) -> None:
    zk.properties("/service").set(color="red")

    assert zk.get_properties("/service") == {"color": "red"}


def test_z25_updating_leaves_the_other_properties(zk: ZooKeeper) -> None:
    zk.properties("/service").update(color="red")

    assert zk.get_properties("/service") == {"threads": 1, "color": "red"}


def test_z25_updates_by_several_sessions_lose_nothing(zk: ZooKeeper, other: ZooKeeper) -> None:
    def work(number: int) -> None:
        properties = (zk, other)[number % 2].properties("/service")
        for count in range(10):
            properties.update({f"worker {number} count {count}": count})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    assert len(zk.get_properties("/service")) == 1 + 4 * 10


@pytest.mark.parametrize(
    ("properties", "data"),
    [
        ({}, b"{}"),
        ({"string_value": " hello "}, b" hello "),
        ({"string_value": "a", "b": 1}, None),
        ({"a": {"b": [1, None]}}, None),
    ],
)
def test_z26_properties_are_encoded_as_json_or_as_their_string(
    zk: ZooKeeper, properties: dict[str, Any], data: bytes | None
) -> None:
    zk.properties("/service").set(properties)

    written = zk.get("/service")[0]
    assert written == data if data is not None else json.loads(written) == properties


def test_z27_what_was_written_shows_at_once(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    for count in range(50):
        properties.update(threads=count)
        assert properties["threads"] == count
        properties.set(count=count)
        assert dict(properties) == {"count": count}


def test_z28_an_item_is_assigned_as_by_update(zk: ZooKeeper) -> None:
    properties = zk.properties("/service")

    properties["color"] = "red"

    assert zk.get_properties("/service") == {"threads": 1, "color": "red"}


# --- callbacks that end


@pytest.mark.parametrize("kind", ["children", "properties"])
def test_z29_a_callback_that_raises_is_logged_and_dropped_and_the_others_go_on(
    zk: ZooKeeper, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    calls: list[str] = []
    live: Children | Properties = getattr(zk, kind)("/service")

    def failing(_: Children | Properties) -> None:
        calls.append("failing")
        if len(calls) > 1:
            raise ValueError("the fault of the callback")

    live(failing)
    live(lambda _: calls.append("lasting"))

    for count in (1, 2):
        zk.create(f"/service/{count}")
        zk.set("/service", b"{}")
        wait_until(lambda: calls.count("lasting") > count, SOON)  # noqa: B023 (called at once)

    assert calls.count("failing") == 2
    (record,) = [record for record in caplog.records if record.name == "zc.zk"]
    assert record.levelno == logging.ERROR
    assert "the fault of the callback" in caplog.text


def test_z30_a_callback_that_cancels_its_watch_is_dropped_quietly(
    zk: ZooKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    children = zk.children("/service")

    @children
    def once(_: Children) -> None:
        calls.append("once")
        if len(calls) > 2:
            raise zc.zk.CancelWatch

    children(lambda _: calls.append("lasting"))
    with caplog.at_level(logging.DEBUG, logger="zc.zk"):
        for count in (1, 2):
            zk.create(f"/service/{count}")
            wait_until(lambda: calls.count("lasting") > count, SOON)  # noqa: B023 (called at once)

    assert calls.count("once") == 2
    assert [record.levelno for record in caplog.records if record.name == "zc.zk"] == [
        logging.DEBUG
    ]


@pytest.mark.parametrize("error", [ValueError, zc.zk.CancelWatch])
def test_z31_what_the_first_call_raises_reaches_the_caller_and_there_is_no_second(
    zk: ZooKeeper, error: type[Exception]
) -> None:
    calls: list[Children] = []
    seen: list[int] = []
    children = zk.children("/service")

    def failing(given: Children) -> None:
        calls.append(given)
        raise error

    with pytest.raises(error):
        children(failing)

    children(lambda given: seen.append(len(given)))
    zk.create("/service/a")
    wait_until(lambda: seen == [0, 1], SOON)
    assert len(calls) == 1


# --- deletion


@pytest.mark.parametrize("kind", ["children", "properties"])
def test_z32_deletion_clears_the_data_and_calls_without_arguments(zk: ZooKeeper, kind: str) -> None:
    calls: list[tuple[object, ...]] = []
    zk.create("/brief/below", b"", makepath=True)
    zk.set("/brief", b'{"a": 1}')
    live: Children | Properties = getattr(zk, kind)("/brief")
    live(lambda *arguments: calls.append(arguments))

    zk.delete("/brief", recursive=True)

    wait_until(lambda: calls[-1] == (), SOON)
    assert live.deleted
    assert len(live.data) == 0


def test_z32_a_callback_that_needs_an_argument_is_not_called_for_a_deletion_and_stays(
    zk: ZooKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[dict[str, Any]] = []
    deletions: list[bool] = []
    zk.create("/brief", b'{"a": 1}')
    properties = zk.properties("/brief")
    properties(lambda given: seen.append(dict(given)))
    properties(lambda *_: deletions.append(properties.deleted))

    zk.delete("/brief")
    wait_until(lambda: deletions[-1], SOON)
    zk.create("/brief", b'{"a": 2}')

    wait_until(lambda: seen == [{"a": 1}, {"a": 2}], SOON)
    assert [record for record in caplog.records if record.name == "zc.zk"] == []


def test_z32_an_object_revives_when_its_node_is_created_again(zk: ZooKeeper) -> None:
    zk.create("/brief", b'{"a": 1}')
    properties, children = zk.properties("/brief"), zk.children("/brief")

    zk.delete("/brief")
    wait_until(lambda: properties.deleted and children.deleted, SOON)
    zk.create("/brief/below", b"", makepath=True)
    zk.set("/brief", b'{"a": 2}')

    wait_until(lambda: dict(properties) == {"a": 2} and list(children) == ["below"], SOON)
    assert not properties.deleted
    assert not children.deleted


def test_z33_updating_a_deleted_node_fails_and_changes_nothing_here(zk: ZooKeeper) -> None:
    zk.create("/brief", b'{"a": 1}')
    properties = zk.properties("/brief")
    zk.delete("/brief")

    with pytest.raises(zc.zk.NoNodeError):
        properties.update(b=2)
    with pytest.raises(zc.zk.NoNodeError):
        properties.set(b=2)

    wait_until(lambda: properties.deleted, SOON)
    assert dict(properties) == {}


# --- the session


@pytest.mark.slow
def test_z34_after_a_lost_session_callbacks_get_the_final_state(
    server: AnyServer, proxy: FaultProxy, other: ZooKeeper, chroot: str
) -> None:
    names: list[list[str]] = []
    threads: list[int] = []
    with ZooKeeper(proxy.address + chroot) as zk:
        zk.children("/service")(lambda given: names.append(sorted(given)))
        zk.properties("/service")(lambda given: threads.append(given["threads"]))
        lost = zk.client.client_id
        assert lost is not None

        proxy.refuse()
        proxy.cut()
        server.expire(*lost)
        other.create("/service/a")
        other.set("/service", b'{"threads": 2}')
        proxy.accept()

        wait_until(lambda: names == [[], ["a"]] and threads == [1, 2], SOON)
        assert zk.client.client_id != lost


@pytest.mark.slow
def test_z34_watches_live_on_in_the_new_session(zk: ZooKeeper, server: AnyServer) -> None:
    seen: list[int] = []
    zk.properties("/service")(lambda given: seen.append(given["threads"]))

    for count in (2, 3):
        lose_session(zk.client, server)
        zk.set("/service", json.dumps({"threads": count}).encode())
        wait_until(lambda: seen[-1] == count, SOON)  # noqa: B023 (called at once)
