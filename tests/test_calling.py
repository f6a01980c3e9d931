"""What calls of several steps do, as plans, whichever client runs them."""

from typing import Any

import pytest

from tests.faces import client_of
from zc.zk import ArgumentTypeError
from zc.zk.calling import named, reading
from zc.zk.operations import Create, GetChildren, GetData, MultiRead
from zc.zk.testing import Server


def create(path: str) -> Create:
    return Create(path, b"data")


def test_a_creation_keeps_its_name_unless_it_is_protected() -> None:
    operation = create("/a/b")

    assert named(operation, protected=False) is operation


def test_a_protected_name_can_only_be_its_own() -> None:
    operation = create("/a/b")

    one, other = named(operation, protected=True), named(operation, protected=True)

    assert one.path != other.path
    assert one.path.startswith("/a/_c_")
    assert one.path.endswith("-b")
    assert one.data == b"data"


def test_several_reads_are_one_request() -> None:
    plan = reading([("get", "/a"), ("get_children", "/b")])

    step = next(plan)
    with pytest.raises(StopIteration) as end:
        plan.send(["one", "two"])

    assert step == MultiRead((GetData("/a"), GetChildren("/b")))
    assert end.value.value == ["one", "two"]


def test_no_reads_are_no_request() -> None:
    with pytest.raises(StopIteration) as end:
        next(reading([]))

    assert end.value.value == []


@pytest.mark.parametrize("reads", ["get", 5, None])
def test_what_is_no_list_of_reads_is_refused_before_anything_is_asked(reads: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="the reads must be a list of tuples, not"):
        reading(reads)


def test_a_client_makes_its_chroot_with_the_first_node(face: str) -> None:
    with Server() as server, client_of(face, server.address + "/chroot/of/ours") as client:
        assert client.ensure_path("/a/b")
        assert client.create("/c/d", makepath=True, include_data=True)[0] == "/c/d"
        assert sorted(client.get_children("/")) == ["a", "c"]
