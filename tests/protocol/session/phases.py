"""Conversations that have come to a certain phase, and what they need for it."""

from collections.abc import Callable
from typing import Any

from tests.protocol.conversation import Conversation, T, stat
from zc.zk.codes import EventType
from zc.zk.operations import (
    Auth,
    GetData,
    Watch,
)
from zc.zk.protocol.ensemble import parse
from zc.zk.protocol.states import Phase, Settings
from zc.zk.records import WatchedEvent

BOB = Auth("digest", b"bob:pw")
WITH_SASL = Settings(timeout=T, connect_timeout=3.0, mechanism="TEST")
EVE = Auth("digest", b"eve:pw")


class Told(Watch):
    """A watch that remembers its events and lives on in a new session."""

    def __init__(self) -> None:
        self.events: list[EventType] = []

    def fire(self, event: WatchedEvent) -> None:
        self.events.append(event.type)


def watch_data(talk: Conversation, path: str, zxid: int = 10) -> Told:
    """Leave a watch on the data of a node."""
    watch = Told()
    talk.ask(GetData(path, watch))
    talk.reply((b"", stat()), zxid=zxid)
    return watch


def arm(talk: Conversation, path: str = "/w") -> None:
    """Leave a watch that never minds, so that the next connection has something to re-arm."""
    talk.session.trail.watches.add("data", path, Told())


def online(**arguments: Any) -> Conversation:  # Any: what a conversation takes
    return Conversation(**arguments).go_online()


def stopped() -> Conversation:
    return Conversation()


def waiting() -> Conversation:
    return Conversation().open()


def dialling() -> Conversation:
    talk = waiting()
    talk.dial()
    return talk


def greeting() -> Conversation:
    talk = waiting()
    talk.connect()
    return talk


def authenticating() -> Conversation:
    talk = Conversation(settings=WITH_SASL).open()
    talk.connect()
    talk.greet()
    return talk


def take_challenge(talk: Conversation, answer: bytes | None) -> bytes | None:
    """Answer the challenge that there is, as the mechanism would, and give what it was."""
    challenge = talk.session.authentication.challenge
    if challenge is None:
        return None
    talk.session.authentication.answer(challenge, answer)
    talk.collect()
    return challenge.token


def rearming() -> Conversation:
    talk = waiting()
    arm(talk)
    talk.connect()
    talk.greet()
    return talk


def probing() -> Conversation:
    talk = waiting()
    talk.session.trail.watches.add("persistent", "/w", Told())
    talk.connect()
    talk.greet()
    return talk


def leaving() -> Conversation:
    talk = online()
    talk.session.move(parse("b:2")[0], talk.now)
    talk.collect()
    return talk


def closing() -> Conversation:
    talk = online()
    talk.session.close(talk.now)
    talk.collect()
    return talk


def parting() -> Conversation:
    talk = online()
    talk.drop()
    talk.session.close(talk.now)
    return talk


IN_PHASE: dict[Phase, Callable[[], Conversation]] = {
    Phase.STOPPED: stopped,
    Phase.WAITING: waiting,
    Phase.DIALLING: dialling,
    Phase.GREETING: greeting,
    Phase.PROBING: probing,
    Phase.AUTHENTICATING: authenticating,
    Phase.REARMING: rearming,
    Phase.OPEN: online,
    Phase.LEAVING: leaving,
    Phase.PARTING: parting,
    Phase.CLOSING: closing,
}
