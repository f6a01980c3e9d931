"""What a session notes of what happens to it."""

import logging
from typing import Any

import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation, T, stat
from zc.zk.codes import ErrorCode, EventType
from zc.zk.operations import Create, Create2, Delete, GetData, GetEphemerals, Operation, SetData
from zc.zk.protocol.chronicle import EVENT_ZXIDS
from zc.zk.protocol.repetition import Line

EXPIRED_ID = 0x52


def listened(talk: Conversation) -> list[Line]:
    """Give the lines that a session will note."""
    lines: list[Line] = []
    talk.session.chronicle.tell = lines.append
    return lines


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_a_connection_is_one_line_with_server_and_session() -> None:
    talk = Conversation()
    lines = listened(talk)

    talk.go_online()

    [line] = lines
    assert line.text.startswith(f"CONNECTED, session {SESSION_ID:#x}: connected to a:1")
    assert line.level == logging.INFO


def test_a_lost_connection_is_one_line_with_its_reason_and_what_became_of_requests() -> None:
    talk = Conversation().go_online()
    lines = listened(talk)
    talk.ask(GetData("/a"))
    talk.ask(GetData("/b"))
    talk.ask(SetData("/c", b"", -1))

    talk.drop("the network fell over")

    [text] = texts(lines)
    assert text.startswith("SUSPENDED, session 0x51 of a:1: the network fell over")
    assert text.endswith("; reads to be asked again: 2; writes of unknown outcome: 1")
    counts = talk.session.chronicle.counts
    assert (counts["retries",], counts["unknown_outcomes",]) == (2, 1)


def test_each_failed_attempt_is_one_line_with_its_reason_and_the_pause() -> None:
    talk = Conversation("a:1,b:1").open()
    lines = listened(talk)

    talk.dial()
    talk.drop("connection refused")
    talk.connect()
    talk.drop("the server hung up")

    assert texts(lines) == [
        "a:1: connection refused; trying again in 0.15 s",
        "b:1: the server hung up; trying again in 0.15 s",
    ]
    counts = talk.session.chronicle.counts
    assert counts["connection_attempts", "a:1", "unreachable"] == 1
    assert counts["connection_attempts", "b:1", "refused"] == 1
    assert counts["failed_attempts",] == 2


def test_a_silent_server_is_told_from_one_that_refuses() -> None:
    talk = Conversation().open()
    talk.connect()
    talk.wait(10.0)

    talk.drop()

    assert talk.session.chronicle.counts["connection_attempts", "a:1", "timed out"] == 1


def test_a_new_connection_says_how_long_the_outage_was_and_how_many_attempts_failed() -> None:
    talk = Conversation().go_online()
    talk.drop()
    lines = listened(talk)
    talk.dial()
    talk.now += 1.0
    talk.drop("connection refused")

    talk.come_back()

    assert lines[-1].text.startswith("CONNECTED, session 0x51: connected to a:1, after 1.")
    assert lines[-1].text.endswith(" s without a connection and 1 failed attempt")
    counts = talk.session.chronicle.counts
    assert (counts["connects",], counts["reconnects",]) == (2, 1)


def test_the_state_of_a_client_that_flapped_is_told_in_the_end() -> None:
    talk = Conversation().go_online()
    lines = listened(talk)
    for _ in range(10):
        talk.drop()
        talk.come_back()
    before = [line for line in lines if line.level == logging.INFO]

    talk.wait(3.0)

    told = [line for line in lines if line.level == logging.INFO]
    assert len(told) == len(before) + 1
    assert told[-1].text.startswith("CONNECTED, session 0x51: connected to a:1")
    assert len(lines) == 2 * 10 + 1  # each is there at a lower level as well


def test_the_end_is_the_last_line_and_says_so() -> None:
    talk = Conversation().go_online()
    lines = listened(talk)

    talk.session.finish("closed by the caller")

    assert [line.is_last for line in lines] == [True]


def test_an_assumed_loss_says_so_and_its_confirmation_is_one_more_line() -> None:
    talk = Conversation().go_online()
    lines = listened(talk)
    talk.drop()
    talk.wait_offline(T)
    talk.connect()
    talk.expire()

    told = [text for text in texts(lines) if "session" in text.partition(":")[0]]

    assert told[1].startswith("LOST, session 0x51 of a:1: assumed, nothing was acknowledged")
    assert "s without a connection" in told[1]
    assert told[2] == "session 0x51 of a:1: the session expired"
    assert talk.session.chronicle.counts["expiries",] == 1


def test_an_expiry_that_nobody_assumed_is_one_line() -> None:
    talk = Conversation().go_online()
    talk.drop()
    lines = listened(talk)
    talk.connect()
    talk.expire()

    assert [text.partition(", after")[0] for text in texts(lines)] == [
        "LOST, session 0x51 of a:1: the session expired"
    ]
    assert talk.session.chronicle.counts["connection_attempts", "a:1", "expired"] == 1


def test_a_reply_to_a_request_that_timed_out_is_dropped_with_a_line() -> None:
    talk = Conversation().go_online()
    talk.ask(GetData("/a"), within=0.5)
    talk.ask(GetData("/b"), within=0.5)
    talk.wait(1.0)
    lines = listened(talk)

    talk.reply((b"", stat()))
    talk.refuse(ErrorCode.NO_NODE)

    assert texts(lines) == [
        "a reply was dropped, its request had ended: GetData /a",
        "a reply was dropped, its request had ended: GetData /b",
    ]
    assert talk.session.chronicle.counts["late_replies",] == 2


@pytest.mark.parametrize(
    ("operation", "answer", "told"),
    [
        (Create("/a-", b"", ()), "/a-0000000007", "Create /a-0000000007"),
        (Create2("/a", b"", ()), ("/a", stat()), "Create2 /a"),
        (SetData("/a", b""), stat(), "SetData /a"),
        (Delete("/a", -1), None, "Delete /a"),
    ],
)
def test_a_write_that_was_done_though_its_caller_had_given_it_up_is_told(
    operation: Operation[Any], answer: object, told: str
) -> None:
    talk = Conversation().go_online()
    talk.ask(operation).ended = True
    lines = listened(talk)

    talk.reply(answer)

    assert texts(lines) == [f"done, though nobody waits for it any more: {told}"]
    assert [line.level for line in lines] == [logging.INFO]


def test_a_write_that_was_refused_when_nobody_waited_for_it_changed_nothing() -> None:
    talk = Conversation().go_online()
    talk.ask(Delete("/a", -1)).ended = True
    lines = listened(talk)

    talk.refuse(ErrorCode.NO_NODE)

    assert [line.level for line in lines] == [logging.DEBUG]


def test_a_lost_connection_tells_how_many_writes_had_been_given_up_before() -> None:
    talk = Conversation().go_online()
    for _ in range(2):
        talk.ask(SetData("/a", b"")).ended = True
    talk.ask(GetData("/a")).ended = True
    lines = listened(talk)

    talk.drop("the server hung up")

    assert lines[0].text == (
        "SUSPENDED, session 0x51 of a:1: the server hung up; "
        "writes that nobody waits for, perhaps done: 2"
    )


def test_an_end_without_an_answer_tells_how_many_writes_had_been_given_up_before() -> None:
    talk = Conversation().go_online()
    talk.ask(SetData("/a", b"")).ended = True
    lines = listened(talk)

    talk.session.finish("closed by the caller")

    assert lines[-1].text.endswith("; writes that nobody waits for, perhaps done: 1")


def test_a_malformed_frame_is_the_reason_of_the_loss() -> None:
    talk = Conversation().go_online()
    lines = listened(talk)
    talk.feed(wire.reply(99, 1))

    talk.drop()

    assert "a reply to request 99, where none is due" in lines[-1].text


def test_features_are_what_servers_have_shown() -> None:
    talk = Conversation().go_online()
    chronicle = talk.session.chronicle
    talk.ask(GetEphemerals("/"))
    talk.refuse(ErrorCode.UNIMPLEMENTED)
    talk.ask(Create2("/a", b"", ()))
    talk.reply(("/a", stat()))
    talk.event(EventType.CHANGED, "/a")

    assert chronicle.lacking == {"GetEphemerals", EVENT_ZXIDS}
    assert chronicle.supported == {"Create2"}


def test_the_latest_server_decides_what_is_known_of_a_feature() -> None:
    talk = Conversation().go_online()
    chronicle = talk.session.chronicle
    talk.ask(GetEphemerals("/"))
    talk.refuse(ErrorCode.UNIMPLEMENTED)

    talk.ask(GetEphemerals("/"))
    talk.reply([])

    assert (chronicle.supported, chronicle.lacking) == ({"GetEphemerals"}, set())


def test_an_event_that_names_its_transaction_shows_a_feature() -> None:
    chronicle = Conversation().session.chronicle

    chronicle.event(-1)
    chronicle.event(7)

    assert (chronicle.supported, chronicle.lacking) == ({EVENT_ZXIDS}, set())
    assert chronicle.watch_events == 2
