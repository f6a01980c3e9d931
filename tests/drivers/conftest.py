"""A client of an embedded server, for tests of what is below it."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import uvloop

from tests.aio.looping import run
from zc.zk import Client
from zc.zk.codes import KeeperState, State
from zc.zk.testing import Server

OnLoop = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def on_loop(request: pytest.FixtureRequest) -> OnLoop:
    """Run a coroutine as `run` does, on the standard loop, and then on another kind."""
    return partial(run, new_loop=uvloop.new_event_loop) if request.param == "uvloop" else run


@pytest.fixture
def embedded() -> Iterator[Server]:
    """An embedded server."""
    with Server() as server:
        yield server


@pytest.fixture
def client(embedded: Server) -> Iterator[Client]:
    """A client of `embedded`, with a node at `/a`."""
    with Client(embedded.address) as client:
        client.create("/a", b"0")
        yield client


@dataclass
class Told:
    """The part of a session that is looked at."""

    state: State = State.LOST
    keeper_state: KeeperState = KeeperState.CONNECTING


@pytest.fixture
def session() -> Told:
    """What a client's session says of itself, for a test to change."""
    return Told()
