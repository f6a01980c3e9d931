"""What every driver has: the two that there are have it, by name and by signature."""

import inspect
from functools import cached_property
from typing import Any, get_type_hints

import pytest

from zc.zk import Client, aio
from zc.zk.drivers.running import Driver, Post, Take

CLIENTS = [Client, aio.Client]


def methods(protocol: type) -> list[str]:
    return [
        name
        for name, value in vars(protocol).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]


def members(protocol: type) -> list[str]:
    properties = [name for name, value in vars(protocol).items() if isinstance(value, property)]
    return [*methods(protocol), *properties, *get_type_hints(protocol)]


def parts(client: Any) -> list[tuple[type, object]]:
    driver = client.driver
    return [(Driver, driver), (Post, driver.callbacks), (Take, driver.journal)]


@pytest.mark.parametrize("make", CLIENTS)
def test_each_driver_has_all_that_is_asked_of_one(make: type) -> None:
    for protocol, part in parts(make()):
        missing = [name for name in members(protocol) if not hasattr(part, name)]

        assert members(protocol)
        assert missing == []


@pytest.mark.parametrize("make", CLIENTS)
def test_each_drivers_methods_take_what_they_are_given(make: type) -> None:
    for protocol, part in parts(make()):
        for name in methods(protocol):
            promised = list(inspect.signature(getattr(protocol, name)).parameters.values())[1:]
            given = list(inspect.signature(getattr(part, name)).parameters.values())

            assert [each.name for each in given][: len(promised)] == [
                each.name for each in promised
            ], name
            assert all(
                each.default is not inspect.Parameter.empty for each in given[len(promised) :]
            ), name


@pytest.mark.parametrize("make", CLIENTS)
def test_what_is_called_at_once_returns_at_once(make: type) -> None:
    for protocol, part in parts(make()):
        waiting = [
            name for name in methods(protocol) if inspect.iscoroutinefunction(getattr(part, name))
        ]

        assert waiting == []


@pytest.mark.parametrize("make", CLIENTS)
def test_properties_are_read_without_a_call(make: type) -> None:
    for protocol, part in parts(make()):
        for name, value in vars(protocol).items():
            if isinstance(value, property):
                own = inspect.getattr_static(part, name)
                is_method = inspect.isfunction(own) and not isinstance(own, cached_property)

                assert not is_method, name
