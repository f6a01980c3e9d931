"""What is known of registrations without waiting, with a client that asks nobody."""

import gc
import os
import weakref

import pytest

from zc.zk import Client, ConnectionClosedError, NodeExistsError, UsageError
from zc.zk.drivers.background import Background
from zc.zk.registry.registrations import Registered, Registrations
from zc.zk.registry.servers import Registration
from zc.zk.security import OPEN_ACL_UNSAFE

TIMEOUT = 4.0
PATH = "/servers/h:1"


class Unkept(Registrations):
    """Registrations that nothing is done for."""

    def wake(self) -> None:
        pass

    def keep(self, registration: Registration) -> Background:
        return Background(self._client.driver, registration.keep(), repr(registration))


@pytest.fixture
def client() -> Client:
    """A client that was never started."""
    return Client("127.0.0.1:1", TIMEOUT)


@pytest.fixture
def registrations(client: Client) -> Unkept:
    return Unkept(client)


def reserved(registrations: Registrations, path: str = PATH) -> Registration:
    return registrations.reserve(path, b'{"a": 1}', tuple(OPEN_ACL_UNSAFE))


def kept(registrations: Registrations, path: str = PATH) -> Registration:
    registration = reserved(registrations, path)
    registrations.claimed(registration)
    registrations.release(path)
    return registration


@pytest.fixture
def registration(registrations: Unkept) -> Registration:
    return kept(registrations)


def test_a_name_is_one_registrations_at_a_time(registrations: Unkept) -> None:
    reserved(registrations)

    with pytest.raises(NodeExistsError, match=PATH):
        reserved(registrations)
    reserved(registrations, PATH + "0")
    registrations.release(PATH)
    registrations.claimed(reserved(registrations))
    registrations.release(PATH)
    with pytest.raises(NodeExistsError, match=PATH):
        reserved(registrations)


def test_what_is_kept_is_found_by_its_path_until_it_leaves(
    registrations: Unkept, registration: Registration
) -> None:
    assert registrations.at(PATH) is registration
    assert registrations.leaving(PATH) is None

    registrations.leave(registration)

    assert registrations.at(PATH) is None
    assert registrations.leaving(PATH) is registration
    registrations.gone(PATH)
    assert registrations.leaving(PATH) is None
    with pytest.raises(UsageError, match="withdrawn"):
        registrations.leave(registration)


def test_what_nobody_has_any_more_is_not_held_by_its_client(client: Client) -> None:
    closed = weakref.ref(Unkept(client))

    gc.collect()

    assert closed() is None


def test_nothing_is_kept_where_the_client_begins_anew(
    client: Client, registrations: Unkept, registration: Registration
) -> None:
    assert registrations.at(PATH) is registration

    client._begin_anew(was_running=False)  # noqa: SLF001 (as a child of this process does)

    assert registrations.at(PATH) is None


def test_all_leave_together(registrations: Unkept) -> None:
    all_kept = [kept(registrations, f"/servers/h:{number}") for number in range(3)]

    assert registrations.leave_all() == all_kept
    assert not any(each.is_wanted for each in all_kept)
    assert registrations.leave_all() == []


def test_changes_are_of_what_is_wanted_not_of_what_is_there(
    registrations: Unkept, registration: Registration
) -> None:
    registrations.want(registration, {"b": 2})
    registrations.want(registration, {"a": 3})

    assert registration.wanted_data == b'{"a":3,"b":2}'
    with pytest.raises(UsageError, match="withdrawn"):
        registrations.want(Registration(PATH, b"{}", (), float, print, print), {})


def test_a_name_of_another_session_is_waited_for_a_bit_longer_than_that_can_last(
    registrations: Unkept,
) -> None:
    assert TIMEOUT < registrations.patience(None) <= TIMEOUT + 5.0
    assert registrations.patience(0.5) == 0.5


def test_where_it_is_unknown_whether_a_node_was_made_it_is_to_go(registrations: Unkept) -> None:
    certain, unknown = NodeExistsError(PATH, 1), ConnectionClosedError(PATH)
    unknown.maybe_applied = True
    for error, leaves in ((certain, False), (unknown, True), (KeyboardInterrupt(), True)):
        registration = reserved(registrations)
        registrations.give_up(registration, error)
        registrations.release(PATH)

        assert registration.is_wanted is not leaves
        assert registrations.leaving(PATH) is (registration if leaves else None)
        registrations.gone(PATH)


def test_few_come_back_at_once_and_many_within_half_a_second(registrations: Unkept) -> None:
    waits = [kept(registrations, f"/servers/h:{number}")._spread() for number in range(50)]  # noqa: SLF001
    assert waits == [0.0] * 50

    waits = [kept(registrations, f"/servers/g:{number}")._spread() for number in range(950)]  # noqa: SLF001
    assert len(set(waits)) > 900
    assert 0.0 <= min(waits) < max(waits) <= 0.5


def test_what_was_not_settled_says_why(
    registrations: Unkept, registration: Registration, client: Client
) -> None:
    registrations.require_settled(registration)
    registrations.want(registration, {"a": 2})

    assert registrations.is_decided(registration)  # nobody will make it so: the client has ended
    with pytest.raises(ConnectionClosedError, match=PATH):
        registrations.require_settled(registration)


def test_an_owner_sees_its_registration(registrations: Unkept, registration: Registration) -> None:
    registered = Registered(registrations, registration)

    assert (registered.path, registered.address) == (PATH, "h:1")
    assert registered.data == {"a": 1}
    assert registered.is_held
    assert repr(registered) == f"<RegisteredServer {PATH} held>"
    registration.holder = os.getpid()  # another session's, then
    assert repr(registered) == f"<RegisteredServer {PATH} not held>"
    registrations.leave(registration)
    assert repr(registered) == f"<RegisteredServer {PATH} withdrawn>"
