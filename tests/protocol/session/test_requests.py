from typing import Any

import pytest

from tests.protocol.conversation import SESSION_ID, Asked, T, stat
from tests.protocol.session.phases import online, waiting
from zc.zk.errors import (
    ConnectionLoss,
    NoNodeError,
    SessionExpiredError,
    ZooKeeperError,
)
from zc.zk.operations import (
    Auth,
    Create,
    Delete,
    Exists,
    GetChildren,
    GetData,
    Multi,
    Operation,
    Ping,
    SetData,
    Sync,
)


def test_reads_are_asked_again_in_their_order_before_what_was_asked_since() -> None:
    talk = online()
    reads: list[Operation[Any]] = [GetData("/1"), Exists("/2"), GetChildren("/3"), Sync("/4")]
    for read in reads:
        talk.ask(read)
    talk.drop()
    talk.ask(Sync("/5"))

    talk.connect()
    talk.greet()

    assert talk.asked == [*reads, Sync("/5")]


def test_a_read_that_was_asked_twice_is_answered_once() -> None:
    talk = online()
    asked = talk.ask(Sync("/a"))
    talk.drop()
    talk.connect()
    talk.greet()

    talk.reply("/a")

    assert asked.answer == "/a"


def test_a_write_that_was_sent_fails_and_may_have_been_applied() -> None:
    talk = online()
    asked = talk.ask(SetData("/a", b""))

    talk.drop()

    assert isinstance(asked.error, ConnectionLoss)
    assert asked.error.maybe_applied
    assert asked.error.path == "/a"


def test_a_write_that_was_not_sent_is_sent_by_the_next_connection() -> None:
    talk = online()
    sent = talk.ask(Sync("/"))
    unsent = Asked(Delete("/a"))
    talk.session.submit(unsent, talk.now)

    talk.drop()
    talk.connect()
    talk.greet()

    assert not unsent.ended
    assert not sent.ended
    assert talk.asked == [Sync("/"), Delete("/a")]


def test_a_write_waits_for_a_server_while_the_session_may_live() -> None:
    talk = online()
    talk.drop()
    asked = talk.ask(Create("/a"))

    talk.come_back()

    assert talk.asked == [Create("/a")]
    assert not asked.ended


def test_a_write_that_was_not_sent_fails_when_the_session_is_assumed_lost() -> None:
    talk = online()
    talk.drop()
    write, read = talk.ask(Create("/a")), talk.ask(Sync("/"))

    talk.wait_offline(2 * T)

    assert isinstance(write.error, SessionExpiredError)
    assert not write.error.maybe_applied
    assert not read.ended


def test_a_write_that_was_not_sent_fails_when_the_session_expired() -> None:
    talk = online()
    talk.drop()
    write, read = talk.ask(Create("/a")), talk.ask(Sync("/"))

    talk.connect()
    talk.expire()
    talk.come_back(0x52)

    assert isinstance(write.error, SessionExpiredError)
    assert talk.asked == [Sync("/")]
    assert not read.ended


def test_a_write_asked_for_after_lost_is_made_in_the_next_session() -> None:
    talk = online()
    talk.drop()
    talk.wait_offline(2 * T)
    asked = talk.ask(Create("/a"))

    talk.connect()
    talk.expire()
    talk.come_back(0x52)

    assert talk.asked == [Create("/a")]
    assert not asked.ended


def test_a_request_that_ended_meanwhile_has_its_outcome_when_the_session_is_lost() -> None:
    talk = online()
    talk.drop()
    write = talk.ask(Create("/a"))
    write.fail(ZooKeeperError())

    talk.wait_offline(2 * T)

    assert len(write.errors) == 1


def test_a_request_that_ended_meanwhile_is_not_sent() -> None:
    talk = waiting()
    asked = talk.ask(Sync("/"))
    asked.fail(ZooKeeperError())

    talk.connect()
    talk.greet()

    assert talk.asked == []


def test_a_request_that_ended_in_flight_is_not_sent_again() -> None:
    talk = online()
    asked = talk.ask(Sync("/"))
    asked.fail(ZooKeeperError())

    talk.drop()
    talk.connect()
    talk.greet()

    assert talk.asked == []


def test_answers_come_in_the_order_of_asking() -> None:
    talk = online()
    asked = [talk.ask(Sync(f"/{number}")) for number in range(100)]

    for number in range(100):
        talk.reply(f"/{number}")

    assert [each.answer for each in asked] == [f"/{number}" for number in range(100)]


def test_an_error_concerns_its_own_request() -> None:
    talk = online()
    first, second, third = (talk.ask(GetData(f"/{number}")) for number in range(3))

    talk.reply((b"1", stat()))
    talk.refuse(NoNodeError.code)
    talk.reply((b"3", stat()))

    assert isinstance(second.error, NoNodeError)
    assert (first.answer, third.answer) == ((b"1", stat()), (b"3", stat()))


def test_a_call_is_made_later_on_the_clock_of_the_session() -> None:
    made: list[float] = []
    talk = online()
    talk.session.tick(talk.now)
    talk.session.call_later(1.5, lambda: made.append(talk.now))
    start = talk.now

    talk.wait(2.0)

    assert made == [start + 1.5]


def test_a_nudge_makes_the_server_say_something() -> None:
    talk = online()

    talk.session.nudge()
    talk.collect()

    assert [type(operation) for operation in talk.asked] == [Ping]


def test_a_nudge_without_a_server_does_nothing() -> None:
    talk = waiting()

    talk.session.nudge()

    assert talk.session.data_to_send(talk.now) == b""


@pytest.mark.parametrize("count", [0, 40])
def test_requests_may_linger_while_many_are_in_flight(count: int) -> None:
    talk = online()
    for _ in range(count):
        talk.ask(Sync("/"))

    assert talk.session.may_linger is (count > 32)


def test_a_write_that_was_cut_off_says_what_was_known_when_it_was() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=7)
    asked = talk.ask(Create("/a"))

    talk.drop("reset")

    assert isinstance(asked.error, ConnectionLoss)
    assert (asked.error.session_id, asked.error.zxid) == (SESSION_ID, 7)
    assert asked.error.reason == "reset"


@pytest.mark.parametrize("rival", [Delete("/a"), Multi((Create("/a"),))], ids=["delete", "multi"])
def test_of_two_writes_cut_off_together_a_look_at_the_node_tells_neither(
    rival: Operation[Any],
) -> None:
    talk = online()
    first, second = talk.ask(Create("/a")), talk.ask(rival)

    talk.drop()

    for asked in (first, second):
        assert isinstance(asked.error, ConnectionLoss)
        assert asked.error.maybe_applied
        assert asked.error.session_id == 0


# Failing fast


def test_what_shall_fail_fast_does_not_wait_for_a_server() -> None:
    talk = waiting()
    asked = Asked(Sync("/a"), fail_fast=True)

    talk.session.submit(asked, talk.now)

    assert isinstance(asked.error, ConnectionLoss)
    assert not asked.error.maybe_applied
    assert "no connection" in str(asked.error)


def test_what_shall_fail_fast_is_sent_where_there_is_a_server() -> None:
    talk = online()
    asked = Asked(Sync("/a"), fail_fast=True)
    talk.session.submit(asked, talk.now)
    talk.collect()

    talk.reply("/a")

    assert asked.answer == "/a"


@pytest.mark.parametrize("operation", [Sync("/a"), Delete("/a")], ids=["read", "write"])
def test_what_shall_fail_fast_fails_when_the_connection_is_lost_before_it_was_sent(
    operation: Operation[Any],
) -> None:
    talk = online()
    asked = Asked(operation, fail_fast=True)
    talk.session.submit(asked, talk.now)

    talk.drop("reset")

    assert isinstance(asked.error, ConnectionLoss)
    assert not asked.error.maybe_applied


def test_a_read_that_shall_fail_fast_is_not_asked_again() -> None:
    talk = online()
    asked = Asked(Sync("/a"), fail_fast=True)
    talk.session.submit(asked, talk.now)
    talk.collect()

    talk.drop()

    assert isinstance(asked.error, ConnectionLoss)
    assert not asked.error.maybe_applied
    talk.connect()
    talk.greet()
    assert talk.asked == []


def test_a_write_that_was_sent_and_shall_fail_fast_may_have_been_applied() -> None:
    talk = online()
    asked = Asked(Delete("/a"), fail_fast=True)
    talk.session.submit(asked, talk.now)
    talk.collect()

    talk.drop()

    assert isinstance(asked.error, ConnectionLoss)
    assert asked.error.maybe_applied


@pytest.mark.parametrize("is_online", [False, True])
def test_an_identity_that_has_failed_fast_is_not_shown_later(is_online: bool) -> None:
    talk = online() if is_online else waiting()
    bob = Auth("digest", b"bob:secret")
    asked = Asked(bob, fail_fast=True)

    talk.session.submit(asked, talk.now)
    talk.collect()
    if is_online:
        talk.drop()

    assert isinstance(asked.error, ConnectionLoss)
    talk.connect()
    talk.greet()
    assert talk.asked == []
