"""The asyncio face has what the blocking one has: names, parameters, defaults, documentation."""

import inspect
from typing import Any

import pytest

import zc.zk
from zc.zk import aio
from zc.zk.recipes import watchers

PAIRS = [
    (zc.zk.Client, aio.Client),
    (zc.zk.ZooKeeper, aio.ZooKeeper),
    (zc.zk.RegisteredServer, aio.RegisteredServer),
    (zc.zk.Children, aio.Children),
    (zc.zk.Properties, aio.Properties),
    (watchers.DataWatch, aio.DataWatch),
    (watchers.ChildrenWatch, aio.ChildrenWatch),
    (zc.zk.Retry, aio.Retry),
    (zc.zk.Transaction, aio.Transaction),
]
ADDED = {"changes"}  # what only a loop can do
# What takes no time, or gives at once what can be awaited.
AT_ONCE = {"start_async", "within", "transaction", "kept", "follow"}


def public(cls: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(cls, name) for name in dir(cls) if not name.startswith("_")
    }


def parameters(function: Any) -> list[tuple[Any, ...]]:
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS, ids=lambda cls: cls.__module__)
def test_both_faces_have_the_same_names(blocking: type, awaited: type) -> None:
    assert public(awaited).keys() - ADDED == public(blocking).keys() - {"__call__"}


METHODS = [
    pytest.param(blocking, awaited, name, id=f"{blocking.__name__}.{name}")
    for blocking, awaited in PAIRS
    for name, member in public(blocking).items()
    if inspect.isfunction(member)
]


@pytest.mark.parametrize(("blocking", "awaited", "name"), METHODS)
def test_a_method_takes_the_same_and_is_documented(
    blocking: type, awaited: type, name: str
) -> None:
    ours, theirs = getattr(awaited, name), getattr(blocking, name)

    assert parameters(ours) == parameters(theirs)
    assert inspect.getdoc(ours)


@pytest.mark.parametrize(("blocking", "awaited", "name"), METHODS)
def test_a_method_that_waits_is_awaited(blocking: type, awaited: type, name: str) -> None:
    is_inherited = getattr(awaited, name) is getattr(blocking, name)
    is_awaited = inspect.iscoroutinefunction(getattr(awaited, name))

    assert is_awaited is not (is_inherited or name in AT_ONCE or name.endswith("_async"))


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS, ids=lambda cls: cls.__module__)
def test_the_constructors_take_the_same(blocking: type, awaited: type) -> None:
    ours, theirs = parameters(awaited), parameters(blocking)

    if blocking is zc.zk.Retry:  # it awaits the function that sleeps
        ours, theirs = ([each[:2] for each in side] for side in (ours, theirs))
    assert ours == theirs


def test_each_name_of_the_package_is_one_of_the_library() -> None:
    assert set(aio.__all__) <= {*zc.zk.__all__, "DataWatch", "ChildrenWatch"}
