import pytest

from tests import wire
from tests.protocol.conversation import SESSION_ID, Conversation, T
from tests.protocol.session.phases import Told, online
from zc.zk.codes import ErrorCode, KeeperState, State
from zc.zk.operations import Create, SetWatches
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.states import Phase, Settings

LOCAL_ID = 0x77
READS = Settings(timeout=T, connect_timeout=3.0, read_only=True)


def reading(hosts: str = "a:1,b:2") -> Conversation:
    """A client that was never served by more than a read-only server."""
    talk = Conversation(hosts, settings=READS).open()
    talk.connect()
    talk.greet(LOCAL_ID, read_only=True)
    return talk


def next_look(talk: Conversation) -> Endpoint:
    for _ in range(100):
        talk.now += 0.05
        endpoint = talk.session.look(talk.now)
        if endpoint is not None:
            return endpoint
    raise AssertionError("nobody looks")


@pytest.mark.parametrize("read_only", [False, True])
def test_the_server_is_told_whether_reading_will_do(read_only: bool) -> None:
    talk = Conversation(settings=Settings(timeout=T, read_only=read_only)).open()

    assert talk.connect().read_only is read_only


def test_a_read_only_server_is_a_connection_of_its_own_kind() -> None:
    talk = reading()

    assert talk.states == [State.CONNECTED]
    assert talk.session.keeper_state is KeeperState.CONNECTED_RO
    assert talk.session.keeper_state.is_connected


def test_a_session_of_a_read_only_server_is_not_asked_of_another() -> None:
    talk = reading()
    talk.drop()

    hello = talk.connect()
    talk.greet()

    assert hello.session_id == 0
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.LOST, State.CONNECTED]
    assert talk.session.identity.session_id == SESSION_ID
    assert talk.session.keeper_state is KeeperState.CONNECTED


def test_writes_that_wait_for_a_read_write_server_are_not_lost_with_it() -> None:
    talk = reading()
    talk.drop()
    asked = talk.ask(Create("/a"))

    talk.connect()
    talk.greet()
    talk.reply("/a")

    assert asked.answers == ["/a"]


def test_the_session_of_a_read_write_server_is_asked_of_a_read_only_one() -> None:
    talk = Conversation("a:1", settings=READS).go_online()
    talk.drop()

    hello = talk.connect()
    talk.greet(read_only=True)

    assert hello.session_id == SESSION_ID
    assert talk.states == [State.CONNECTED, State.SUSPENDED, State.CONNECTED]


def test_watches_are_armed_on_the_read_write_server() -> None:
    talk = reading()
    talk.session.trail.watches.add("data", "/w", Told())
    talk.drop()

    talk.connect()
    talk.greet()

    assert [type(each) for each in talk.asked] == [SetWatches]


def test_a_read_write_server_is_looked_for_while_a_read_only_one_serves() -> None:
    talk = reading()
    at_once = talk.session.look(talk.now)

    first = next_look(talk)
    meanwhile = talk.session.look(talk.now + 60)
    talk.session.looked(first, talk.now, is_writable=False)
    second = next_look(talk)

    assert at_once is meanwhile is None
    assert first == second
    assert first != talk.session.server


def test_every_other_server_has_its_turn() -> None:
    talk = reading("a:1,b:2,c:3,d:4")
    looked_at = []

    for _ in range(6):
        endpoint = next_look(talk)
        looked_at.append(str(endpoint))
        talk.session.looked(endpoint, talk.now, is_writable=False)

    others = {"a:1", "b:2", "c:3", "d:4"} - {str(talk.session.server)}
    assert set(looked_at[:3]) == set(looked_at[3:]) == others


def test_a_server_that_takes_writes_is_gone_over_to_at_once() -> None:
    talk = reading()
    better = next_look(talk)

    talk.session.looked(better, talk.now, is_writable=True)
    fault = talk.session.fault
    talk.drop()
    dialled = talk.session.dial(talk.now)

    assert fault == f"{better} takes writes"
    assert dialled[0] == better


def test_what_was_found_for_a_connection_that_is_gone_is_forgotten() -> None:
    talk = reading()
    better = next_look(talk)
    talk.drop()
    talk.connect()
    talk.greet()

    talk.session.looked(better, talk.now, is_writable=True)

    assert talk.session.fault is None


@pytest.mark.parametrize("hosts", ["a:1", "a:1,b:2"])
def test_nobody_looks_while_a_read_write_server_serves(hosts: str) -> None:
    talk = online(hosts=hosts)

    talk.now += 1

    assert talk.session.look(talk.now) is None


def test_nobody_looks_when_the_client_is_closed() -> None:
    talk = reading()
    talk.session.finish("closed")
    talk.now += 10

    assert talk.session.look(talk.now) is None
    assert talk.session.phase is Phase.STOPPED


def test_a_server_that_opens_no_session_of_its_own_says_why() -> None:
    talk = Conversation(settings=READS).open()
    talk.connect()

    talk.feed(wire.reply(0, 7, err=ErrorCode.NOT_READ_ONLY))

    assert talk.session.fault == "the server is read-only, and opens no sessions of its own"
