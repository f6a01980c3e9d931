from tests.protocol.conversation import Conversation, T, stat
from tests.protocol.session.phases import BOB, EVE, Told, online, rearming, waiting, watch_data
from zc.zk.codes import SET_WATCHES_BYTES, EventType, State
from zc.zk.operations import (
    Auth,
    Delete,
    GetData,
    SetWatches,
    Sync,
)
from zc.zk.protocol.requests import encode

_HEADER_BYTES = 8


def test_identities_go_out_first_then_watches_then_what_callers_wait_for() -> None:
    talk = online()
    talk.ask(BOB)
    talk.reply(zxid=0)
    watch_data(talk, "/w")
    talk.drop()
    talk.ask(Delete("/d"))
    talk.ask(GetData("/g"))

    talk.connect()
    talk.greet()

    kinds = [type(operation) for operation in talk.asked]
    assert kinds == [Auth, SetWatches, Delete, GetData]


def test_several_identities_go_out_in_the_order_in_which_they_were_given() -> None:
    talk = waiting()
    talk.ask(BOB)
    talk.ask(EVE)

    talk.connect()
    talk.greet()

    assert talk.asked == [BOB, EVE]


def test_an_identity_is_shown_to_every_server_from_now_on() -> None:
    talk = online()
    asked = talk.ask(BOB)
    talk.reply(zxid=0)

    shown = []
    for _ in range(3):
        talk.drop()
        talk.connect()
        talk.greet()
        shown.append(talk.asked)

    assert asked.answer is None
    assert shown == [[BOB]] * 3


def test_an_identity_given_before_the_connection_is_answered_with_it() -> None:
    talk = waiting()
    asked = talk.ask(BOB)
    talk.connect()
    talk.greet()

    before = asked.ended
    talk.reply(zxid=0)

    assert not before
    assert asked.answer is None


def test_an_identity_whose_answer_was_lost_is_answered_by_the_next_server() -> None:
    talk = online()
    asked = talk.ask(BOB)
    talk.drop()
    talk.connect()
    talk.greet()

    talk.reply(zxid=0)

    assert asked.answer is None


def test_requests_that_come_while_watches_are_armed_go_out_behind_them() -> None:
    talk = rearming()

    talk.ask(Sync("/"))

    assert [type(operation) for operation in talk.asked] == [SetWatches, Sync]


def test_watches_are_armed_relative_to_what_was_seen() -> None:
    talk = online()
    watch_data(talk, "/w", zxid=42)
    talk.drop()

    talk.connect()
    talk.greet()

    assert talk.asked == [SetWatches(42, ("/w",))]


def test_watches_are_armed_below_the_chroot() -> None:
    talk = online(root="/app")
    watch = Told()
    talk.ask(GetData("/w", watch))
    talk.reply((b"", stat()), zxid=42)
    talk.drop()

    talk.connect()
    talk.greet()
    talk.event(EventType.CHANGED, "/app/w")

    assert talk.asked == [SetWatches(42, ("/app/w",))]
    assert watch.events == [EventType.CHANGED]


def many_watches(talk: Conversation, count: int) -> list[Told]:
    watches = [Told() for _ in range(count)]
    for number, watch in enumerate(watches):
        talk.session.trail.watches.add("data", f"/{'x' * 100}/{number}", watch)
    return watches


def test_many_watches_are_armed_in_batches_that_servers_accept() -> None:
    talk = online()
    many_watches(talk, 3000)
    talk.drop()

    talk.connect()
    talk.greet()

    batches = [each for each in talk.asked if isinstance(each, SetWatches)]
    assert len(batches) == 3
    assert all(len(encode(each, "")) + _HEADER_BYTES <= SET_WATCHES_BYTES for each in batches)
    assert sum(len(each.data) for each in batches) == 3000


def test_listeners_are_told_after_the_last_batch() -> None:
    talk = online()
    many_watches(talk, 3000)
    talk.drop()
    talk.connect()
    talk.greet()

    told = []
    for _ in range(3):
        told.append(talk.states[-1])
        talk.reply()

    assert told == [State.SUSPENDED] * 3
    assert talk.states[-1] is State.CONNECTED


def test_a_connection_that_dies_between_two_batches_loses_no_watch() -> None:
    talk = online()
    talk.ask(Sync("/"))
    talk.reply("/", zxid=42)
    many_watches(talk, 3000)
    talk.drop()
    talk.connect()
    talk.greet()
    first = talk.asked

    talk.reply(zxid=99)
    talk.drop()
    hello = talk.connect()
    talk.greet()

    assert hello.last_zxid_seen == 42
    assert talk.asked == first


def test_a_watch_that_fired_while_others_were_armed_is_not_armed_again() -> None:
    talk = online()
    watches = many_watches(talk, 3000)
    talk.drop()
    talk.connect()
    talk.greet()

    talk.event(EventType.CHANGED, f"/{'x' * 100}/7")
    talk.drop()
    talk.connect()
    talk.greet()

    armed = {path for each in talk.asked if isinstance(each, SetWatches) for path in each.data}
    assert watches[7].events == [EventType.CHANGED]
    assert f"/{'x' * 100}/7" not in armed
    assert len(armed) == 2999


def test_marked_replies_do_not_change_what_watches_are_relative_to() -> None:
    talk = online()
    talk.ask(BOB)
    talk.reply(zxid=500)
    watch_data(talk, "/w", zxid=42)
    talk.wait(T / 3)
    talk.reply(zxid=600)
    talk.drop()
    talk.connect()
    talk.greet()
    talk.reply(zxid=700)
    talk.reply(zxid=800)
    talk.drop()

    hello = talk.connect()
    talk.greet()

    assert hello.last_zxid_seen == 42
    assert SetWatches(42, ("/w",)) in talk.asked


def test_watches_that_cannot_be_armed_again_cost_the_connection() -> None:
    talk = rearming()

    talk.refuse(-5)

    assert talk.session.fault == (
        "watches could not be armed again: the server could not read the request"
    )
    assert talk.changes == []
