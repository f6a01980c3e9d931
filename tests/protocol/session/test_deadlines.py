from tests.protocol.conversation import stat
from tests.protocol.session.phases import BOB, online, waiting
from zc.zk.errors import (
    OperationTimeoutError,
)
from zc.zk.operations import (
    GetData,
    SetData,
    Sync,
)
from zc.zk.protocol.requests import NEVER


def test_a_request_fails_at_its_deadline_while_there_is_no_server() -> None:
    talk = waiting()
    asked = talk.ask(SetData("/a", b""), within=2.0)
    talk.dial()
    talk.drop("connection refused")

    talk.wait_offline(1.99)
    before = asked.ended
    talk.wait_offline(0.02)

    assert not before
    assert isinstance(asked.error, OperationTimeoutError)
    assert str(asked.error) == "no answer in time: /a (no connection; a:1: connection refused)"


def test_a_request_fails_at_its_deadline_while_the_server_is_silent() -> None:
    talk = online()
    asked = talk.ask(GetData("/a"), within=2.0)

    talk.wait(2.0)

    assert isinstance(asked.error, OperationTimeoutError)
    assert str(asked.error) == "no answer in time: /a"


def test_a_write_that_was_sent_may_have_been_applied_at_its_deadline() -> None:
    talk = online()
    write, read = talk.ask(SetData("/a", b""), within=2.0), talk.ask(GetData("/a"), within=2.0)

    talk.wait(2.0)

    assert isinstance(write.error, OperationTimeoutError)
    assert isinstance(read.error, OperationTimeoutError)
    assert (write.error.maybe_applied, read.error.maybe_applied) == (True, False)


def test_a_write_that_was_not_sent_was_not_applied_at_its_deadline() -> None:
    talk = waiting()
    asked = talk.ask(SetData("/a", b""), within=2.0)

    talk.wait_offline(3.0)

    assert isinstance(asked.error, OperationTimeoutError)
    assert not asked.error.maybe_applied


def test_a_late_reply_is_dropped_and_the_connection_kept() -> None:
    talk = online()
    talk.ask(GetData("/a"), within=1.0)
    talk.wait(1.0)
    after = talk.ask(Sync("/"))

    talk.reply((b"", stat()))
    talk.reply("/")

    assert after.answer == "/"
    assert talk.session.fault is None


def test_each_request_has_a_deadline_of_its_own() -> None:
    talk = online()
    start = talk.now
    asked = [talk.ask(Sync("/"), within=seconds) for seconds in (2.0, 1.0, NEVER, 1.5)]

    ends = []
    for each in (asked[1], asked[3], asked[0]):
        talk.wait(talk.session.deadline() - talk.now)
        ends.append((talk.now - start, each.ended))

    assert ends == [(1.0, True), (1.5, True), (2.0, True)]
    assert not asked[2].ended


def test_an_identity_fails_at_its_deadline_and_is_not_shown_after_that() -> None:
    talk = waiting()
    asked = talk.ask(BOB, within=1.0)
    talk.wait_offline(2.0)

    talk.connect()
    talk.greet()

    assert isinstance(asked.error, OperationTimeoutError)
    assert talk.asked == []
