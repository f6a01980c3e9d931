import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.playbook import Playbook, Tree, failing
from zc.zk.errors import (
    ArgumentError,
    ArgumentTypeError,
    ConnectionLoss,
    NoNodeError,
    OperationTimeoutError,
)
from zc.zk.operations import GetData, SetData
from zc.zk.registry.properties import Data, change, decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.text("abé", max_size=3), values, max_size=3)
    ),
    max_leaves=8,
)
PROPERTIES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6), JSON, max_size=4
)


@given(PROPERTIES)
def test_properties_are_read_as_they_were_written(properties: Data) -> None:
    is_text = set(properties) == {"string_value"} and isinstance(properties["string_value"], str)

    assert is_text or decode(encode(properties)) == properties


@given(st.binary(max_size=60))
def test_whatever_the_data_they_are_read_without_an_error(data: bytes) -> None:
    assert isinstance(decode(data), dict)


@given(st.binary(max_size=60).filter(lambda data: data.strip() and data[:1] not in b"{ \t\r\n"))
def test_data_that_are_no_json_survive_being_read_and_written(data: bytes) -> None:
    assert encode(decode(data)) == data


@pytest.mark.parametrize("data", [b"", b"  ", b"\n"])
def test_no_data_are_no_properties(data: bytes) -> None:
    assert decode(data) == {}


@pytest.mark.parametrize("text", ["hello", "[1, 2]", '"x"', "5", "null", "{", "a}", "ü", "{x"])
def test_what_is_no_json_object_is_a_string_value(text: str) -> None:
    assert decode(text.encode()) == {"string_value": text}


def test_a_json_object_may_have_space_around_it() -> None:
    assert decode(b'\n {"a": 1} \n') == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": }',
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1e999}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": 1} {"b": 2}',
    ],
)
def test_what_looks_like_json_and_is_not_is_a_string_value_and_logged_once(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    properties = decode(data, "/a")

    assert properties == {"string_value": data.decode()}
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("zc.zk", logging.ERROR)
    assert record.getMessage().startswith("bad JSON in /a: ")


def test_the_data_are_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    decode(b'{"password": "s3cret" oops}', "/a")

    assert "s3cret" not in caplog.text


def test_a_lone_string_value_is_stored_as_it_is() -> None:
    assert encode({"string_value": "hello"}) == b"hello"


@pytest.mark.parametrize("properties", [{"string_value": 5}, {"string_value": "x", "a": 1}])
def test_a_string_value_among_others_is_json(properties: Data) -> None:
    assert decode(encode(properties)) == properties


def test_properties_are_stored_without_needless_space() -> None:
    assert encode({"a": [1, 2], "b": None}) == b'{"a":[1,2],"b":null}'


@pytest.mark.parametrize("value", [object(), {1, 2}, [object()]])
def test_what_json_has_no_form_for_is_a_type_error(value: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^properties must be JSON: "):
        encode({"a": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_json_cannot_hold_are_a_value_error(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^properties must be JSON: "):
        encode({"a": value})


def test_properties_that_hold_themselves_are_a_value_error() -> None:
    properties: Data = {}
    properties["self"] = properties

    with pytest.raises(ArgumentError):
        encode(properties)


def test_names_are_strings() -> None:
    numbered: dict[Any, int] = {5: 1}  # Any: what is tested

    with pytest.raises(ArgumentTypeError, match=r"^a property's name must be a string, not 5$"):
        encode(numbered)


# change


def increment(properties: Data) -> Data:
    return {**properties, "n": properties.get("n", 0) + 1}


def counting(data: bytes = b'{"n": 1}') -> Playbook[Any]:  # Any: data and status
    tree = Tree()
    tree.create("/a", data)
    return Playbook(tree, change("/a", increment))


def test_a_change_is_compared_and_set() -> None:
    play = counting()

    data, stat = play.run()

    assert data == play.tree.nodes["/a"].data == b'{"n":2}'
    assert stat == play.tree.nodes["/a"].stat
    assert play.asked(SetData) == [SetData("/a", b'{"n":2}', 0)]


def test_a_change_is_made_to_what_somebody_else_wrote_meanwhile() -> None:
    play = counting()
    play.before += [(SetData, lambda: play.tree.write("/a", b'{"n": 10}'))] * 3

    data, _ = play.run()

    assert data == b'{"n":11}'
    assert len(play.asked(SetData)) == 4


def test_a_change_whose_reply_was_lost_is_not_made_twice() -> None:
    play = counting()
    play.after.append((SetData, failing(ConnectionLoss(maybe_applied=True))))

    data, stat = play.run()

    assert data == b'{"n":2}'
    assert stat.version == 1
    assert len(play.asked(SetData)) == 1


def test_a_change_that_never_arrived_is_made_again() -> None:
    play = counting()
    play.before.append((SetData, failing(ConnectionLoss(maybe_applied=True))))

    data, stat = play.run()

    assert data == b'{"n":2}'
    assert stat.version == 1
    assert len(play.asked(SetData)) == 2


def test_a_change_whose_reply_was_lost_and_that_somebody_changed_again_is_made_anew() -> None:
    play = counting()
    play.after.append((SetData, failing(ConnectionLoss(maybe_applied=True))))
    play.before += [(GetData, lambda: None), (GetData, lambda: play.tree.write("/a", b'{"n": 5}'))]

    data, _ = play.run()

    assert data == b'{"n":6}'


def test_a_node_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(NoNodeError):
        Playbook(Tree(), change("/a", increment)).run()


def test_what_the_function_raises_reaches_the_caller() -> None:
    tree = Tree("/a")

    def fail(_: Data) -> Data:
        raise LookupError

    with pytest.raises(LookupError):
        Playbook(tree, change("/a", fail)).run()


def test_a_change_that_json_cannot_hold_writes_nothing() -> None:
    tree = Tree("/a")
    play = Playbook(tree, change("/a", lambda _: {"x": object()}))

    with pytest.raises(ArgumentTypeError):
        play.run()

    assert play.asked(SetData) == []


def test_an_error_after_a_lost_reply_says_that_the_change_may_have_been_made() -> None:
    play = Playbook(Tree("/a"), change("/a", lambda old: {**old, "b": 1}))
    play.after.append((SetData, failing(ConnectionLoss(maybe_applied=True))))
    play.before.append((GetData, lambda: None))
    play.before.append((GetData, failing(OperationTimeoutError("/a"))))

    with pytest.raises(OperationTimeoutError) as failed:
        play.run()

    assert failed.value.maybe_applied
