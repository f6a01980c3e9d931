"""Following a live node: calls back when it has changed."""

import functools
import gc
import inspect
import threading
from collections.abc import Callable
from time import monotonic

import pytest

from tests.waiting import stretched, wait_until
from zc.zk import Client, OperationTimeoutError
from zc.zk.drivers.following import Following, accepts
from zc.zk.protocol.live import LiveData
from zc.zk.testing import Server

SOON = 20.0
A_MOMENT = 0.05


class Followed(Following):
    """Notes the data at each call."""

    def __init__(self, client: Client, seconds: float = stretched(SOON)) -> None:
        self.seen: list[bytes | None] = []
        self.threads: list[threading.Thread] = []
        live = LiveData(client.driver.session, "/a")
        super().__init__(client.driver, live)
        client.driver.keep([live], monotonic() + seconds)

    @property
    def data(self) -> bytes | None:
        assert isinstance(self._live, LiveData)
        return self._live.data

    def deliver(self) -> None:
        self.seen.append(self.data)
        self.threads.append(threading.current_thread())

    def begin(self) -> None:
        self.follow(self.deliver)


def watches(client: Client) -> int:
    return len(client.driver.session.trail.watches)


def test_a_live_node_is_current_when_it_is_there(client: Client) -> None:
    assert Followed(client).data == b"0"


def test_a_live_node_stays_current_without_callbacks(client: Client) -> None:
    followed = Followed(client)

    client.set("/a", b"1")

    wait_until(lambda: followed.data == b"1", SOON)
    assert followed.seen == []


def test_the_first_call_is_made_in_the_callers_thread_and_the_others_are_not(
    client: Client,
) -> None:
    followed = Followed(client)

    followed.begin()
    client.set("/a", b"1")

    wait_until(lambda: followed.seen == [b"0", b"1"], SOON)
    assert followed.threads[0] is threading.current_thread()
    assert followed.threads[1].name.endswith(" callbacks")


def test_dropping_leaves_no_watch(client: Client) -> None:
    followed = Followed(client)
    assert watches(client) == 1

    followed.drop()

    assert watches(client) == 0


@pytest.mark.slow
def test_the_watch_goes_with_the_object(client: Client) -> None:
    followed = Followed(client)

    del followed
    gc.collect()

    wait_until(lambda: watches(client) == 0, SOON)


def test_an_object_that_calls_back_lives_on(client: Client) -> None:
    followed = Followed(client)
    seen = followed.seen
    followed.begin()

    del followed
    gc.collect()
    client.set("/a", b"1")

    wait_until(lambda: seen == [b"0", b"1"], SOON)


@pytest.mark.slow
def test_a_node_that_is_not_known_in_time_is_an_error_and_leaves_no_watch(
    embedded: Server, client: Client
) -> None:
    embedded.stop()
    wait_until(lambda: not client.connected, SOON)

    with pytest.raises(OperationTimeoutError, match="no connection"):
        Followed(client, A_MOMENT)

    embedded.start()
    wait_until(lambda: client.connected, SOON)
    client.sync("/")
    assert watches(client) == 0


def no_argument() -> None: ...
def one_argument(a: object) -> None: ...
def two_arguments(a: object, b: object) -> None: ...
def optional_argument(a: object = None) -> None: ...
def any_arguments(*arguments: object) -> None: ...
def keyword_argument(a: object, *, b: object) -> None: ...


class Callable_:  # noqa: N801 (the name of what it stands for, and not it)
    """An object that can be called."""

    def __call__(self, a: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "counts"),
    [
        (no_argument, [0]),
        (one_argument, [1]),
        (two_arguments, [2]),
        (optional_argument, [0, 1]),
        (any_arguments, [0, 1, 2, 3]),
        (keyword_argument, []),
        (Callable_(), [1]),
        ([].append, [1]),
        (functools.partial(two_arguments, 1), [1]),
        (dict, [1, 2, 3]),
    ],
)
def test_what_a_function_accepts_is_found_out_without_calling_it(
    function: Callable[..., object], counts: list[int]
) -> None:
    assert [count for count in range(4) if accepts(function, count)] == counts


def test_a_function_without_a_signature_is_taken_to_accept_arguments() -> None:
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(dict)

    assert accepts(dict, 1)
    assert not accepts(dict, 0)
