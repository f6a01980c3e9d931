"""S8: node data are anybody's: whatever they are, the object stays usable, says so once, and shows the next value."""

import json
import logging
from typing import Any

import pytest

from tests.waiting import wait_until
from zc.zk import Client, ZooKeeper

DEEP = 100_000
HOSTILE: dict[str, bytes] = {
    "deep lists": b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a": ' * DEEP + b"1" + b"}" * DEEP,
    "deep and cut": b'{"a": ' + b"[" * DEEP + b"}",
    "5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "half a million digits": b'{"a": ' + b"9" * 500_000 + b"}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": [-Infinity]}',
    "too large a fraction": b'{"a": 1e999}',
    "a list": b"[1, 2, 3]",
    "a number": b"17",
    "a string": b'"text"',
    "null": b"null",
    "plain text": b"hello, world",
    "not UTF-8": b"\xff\xfe{}\x80",
    "not UTF-8 in JSON": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "nulls": bytes(1000),
    "braces": b"{" * 500 + b"}" * 500,
    "half of a pair": b'{"a": "\\ud800"}',
    "half of a pair as the text": b'{"string_value": "\\udfff"}',
    "bad escape": b'{"a": "\\x"}',
    "trailing comma": b'{"a": 1,}',
    "two objects": b'{"a": 1}{"b": 2}',
    "the same name twice": b'{"a": 1, "a": 2}',
    "empty name": b'{"": 1}',
    "names of methods": b'{"set": 1, "data": 2, "__class__": 3, "path": 4}',
    "900 kB of text": b"x" * 900_000,
    "900 kB in a string": b'{"a": "' + b"x" * 900_000 + b'"}',
    "900 kB of spaces": b" " * 900_000,
    "many names": json.dumps({f"name-{number}": number for number in range(20_000)}).encode(),
}
LONGEST = 1.0


def use(data: Any) -> None:
    """Do everything with a mapping that one can do."""
    assert dict(data) == data.data
    assert len(data) == len(list(data))
    for name in list(data)[:10]:
        assert name in data
        assert data[name] == data.get(name)
    assert data == data.copy() or data.data == data.copy()
    assert "missing" not in data
    repr(data)
    hash(data)


@pytest.fixture
def registry(client: Client) -> ZooKeeper:
    client.create("/node", b'{"good": 0}')
    return ZooKeeper(client)


@pytest.mark.parametrize("name", HOSTILE)
def test_s8_hostile_data_leave_a_usable_object_and_do_not_keep_off_the_next_good_value(
    registry: ZooKeeper, observer: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    properties = registry.properties("/node")
    calls: list[int] = []
    properties(lambda it: calls.append(len(it)))
    watched: list[bytes | None] = []
    registry.client.DataWatch("/node", lambda data, stat: watched.append(data))
    caplog.set_level(logging.INFO)

    observer.set("/node", HOSTILE[name])
    wait_until(lambda: watched[-1] == HOSTILE[name], LONGEST)
    wait_until(lambda: len(calls) == 2, LONGEST)
    for _ in range(3):
        use(properties)
    told = [record for record in caplog.records if "bad JSON" in record.message]
    observer.set("/node", b'{"good": 1}')

    wait_until(lambda: properties.data == {"good": 1}, LONGEST)
    wait_until(lambda: len(calls) == 3, LONGEST)
    assert len(told) <= 1
    assert not [record for record in caplog.records if "failed" in record.message]
    assert bool(told) is (name in LOGGED)


LOGGED = {
    "deep lists",
    "deep objects",
    "deep and cut",
    "5000 digits",
    "half a million digits",
    "NaN",
    "Infinity",
    "-Infinity",
    "too large a fraction",
    "braces",
    "bad escape",
    "trailing comma",
    "two objects",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_s8_hostile_data_can_be_read_and_replaced_from_the_beginning(
    registry: ZooKeeper, observer: Client, name: str
) -> None:
    observer.set("/node", HOSTILE[name])

    properties = registry.properties("/node")
    use(properties)
    assert registry.get_properties("/node") == properties.data
    use(registry.properties("/node", watch=False))
    registry.print_tree("/node")
    if name not in {"900 kB of text", "900 kB in a string"}:
        properties.update(added=1)  # changes the rest as little as JSON allows
        assert properties["added"] == 1
    properties.set(good=1)

    assert json.loads(observer.get("/node")[0]) == {"good": 1}


@pytest.mark.parametrize(
    "name", ["a list", "a number", "plain text", "not UTF-8", "NaN", "deep lists", "nulls"]
)
def test_s8_what_is_no_object_is_shown_as_the_text_that_it_is(
    registry: ZooKeeper, observer: Client, name: str
) -> None:
    observer.set("/node", HOSTILE[name])
    properties = registry.properties("/node")

    assert list(properties) == ["string_value"]
    text = properties["string_value"]
    assert text.encode(errors="surrogateescape") == HOSTILE[name]
    properties.set(string_value=text)

    assert observer.get("/node")[0] == HOSTILE[name]


def test_s8_half_of_a_surrogate_pair_can_be_written_and_read(
    registry: ZooKeeper, observer: Client
) -> None:
    properties = registry.properties("/node")

    properties.set(string_value="\ud800")

    assert registry.get_properties("/node") == {"string_value": "\ud800"}
    assert properties.data == {"string_value": "\ud800"}


def test_s8_hostile_names_of_children_are_shown_as_they_are(
    registry: ZooKeeper, observer: Client
) -> None:
    names = ["a b", "{}", "%s", "'; drop", "\u202e", "\u00a0", "\\", "x" * 5000]
    children = registry.children("/node")

    for name in names:
        observer.create(f"/node/{name}")

    wait_until(lambda: set(children) == set(names), LONGEST)
    repr(children)
    registry.print_tree("/node")


def test_s8_a_hostile_registration_does_not_keep_others_from_being_seen(
    registry: ZooKeeper, observer: Client
) -> None:
    servers = registry.children("/node")
    observer.create("/node/not an address", HOSTILE["deep lists"])
    observer.create("/node/h:1", HOSTILE["not UTF-8"])
    registry.register("/node", "good:1")

    wait_until(lambda: len(servers) == 3, LONGEST)
    assert registry.get_properties("/node/good:1")["pid"]
    use(registry.properties("/node/h:1"))
