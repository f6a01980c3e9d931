"""Which requests a fault is for."""

import re
from typing import Any

import pytest

from zc.zk.codes import OpCode
from zc.zk.errors import ArgumentError
from zc.zk.server.conditions import NAMES, Conditions, Request


def test_every_operation_has_a_name() -> None:
    nameless = set(OpCode) - set(NAMES)

    assert nameless == {OpCode.CHECK}  # which is only ever a part of a multi


def test_operations_are_those_of_the_fault_unless_others_are_told() -> None:
    assert Conditions().operations("write") >= {"create", "multi"}
    assert Conditions(operation="get,sync").operations("write") == {"get", "sync"}


def test_groups_leave_out_what_clients_do_by_themselves() -> None:
    request, everything = Conditions().operations("request"), Conditions().operations("any")

    assert everything - request == {
        "connect",
        "ping",
        "close",
        "add_auth",
        "sasl",
        "set_watches",
    }
    assert Conditions().operations("read") | Conditions().operations("write") == request


@pytest.mark.parametrize(
    ("told", "covered"),
    [
        ({}, True),
        ({"path": "/a/b"}, True),
        ({"path": "/a/*"}, True),
        ({"path": "/c"}, True),
        ({"path": "/a"}, False),
        ({"session": 7}, True),
        ({"session": 8}, False),
        ({"session": 7, "path": "/x"}, False),
    ],
)
def test_a_request_is_covered_by_session_and_any_of_its_paths(
    told: dict[str, Any], covered: bool
) -> None:
    assert Conditions(**told).cover(Request("multi", ("/a/b", "/c"), 7)) is covered


def test_a_request_without_a_path_is_covered_by_none() -> None:
    assert not Conditions(path="/*").cover(Request("ping", (), 7))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"operation": "gett"}, "no operation is called 'gett', only add_auth"),
        ({"operation": "get,"}, "no operation is called ''"),
        ({"path": "a"}, "path 'a' does not begin with a slash"),
        ({"times": 0}, "times must be 1 or more, not 0"),
        ({"skip": -1}, "skip must be 0 or more, not -1"),
        ({"at_zxid": -1}, "at_zxid must be 0 or more"),
        ({"after_writes": -1}, "after_writes must be 0 or more"),
        ({"after": -1.0}, "after must be a time in seconds, not -1"),
        ({"lasting": float("inf")}, "lasting must be a time in seconds, not inf"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(told: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}") as caught:
        Conditions(**told)

    assert "\n" not in str(caught.value)
