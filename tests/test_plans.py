import pytest

from zc.zk.codes import EventType, KeeperState
from zc.zk.operations import GetData
from zc.zk.plans import Change, Ids, Pause, Plan, Together, Wait, Whoami
from zc.zk.records import WatchedEvent

CHANGED = WatchedEvent(EventType.CHANGED, KeeperState.CONNECTED, "/a")
DELETED = WatchedEvent(EventType.DELETED, KeeperState.CONNECTED, "/a")


def test_a_change_keeps_the_first_event() -> None:
    change = Change()

    change.fire(CHANGED)
    change.fire(DELETED)

    assert change.event == CHANGED


def test_a_change_tells_once_who_waits_for_it() -> None:
    told: list[str] = []
    change = Change()
    change.told = lambda: told.append("told")

    change.fire(CHANGED)
    change.fire(DELETED)

    assert told == ["told"]


def test_a_new_session_ends_the_wait_and_the_watch() -> None:
    change = Change()

    is_kept = change.restart()

    assert not is_kept
    assert change.event == WatchedEvent(EventType.NONE, KeeperState.EXPIRED_SESSION, None)


def test_a_new_session_does_not_replace_an_event() -> None:
    change = Change()
    change.fire(CHANGED)

    change.restart()

    assert change.event == CHANGED


@pytest.mark.parametrize(
    "step", [Wait(Change(), 2.0), Pause(1.0), Together([GetData("/a")]), Whoami()]
)
def test_a_step_yields_itself_and_returns_what_came_of_it(
    step: Wait | Pause | Together | Whoami,
) -> None:
    def plan() -> Plan[object]:
        return (yield from step)

    running = plan()
    asked = next(running)

    assert asked is step
    with pytest.raises(StopIteration) as end:
        running.send("answer")
    assert end.value.value == "answer"


def test_ids_say_which_sessions_were_ours() -> None:
    ids = Ids(3, frozenset({1, 2}), 10.0)

    assert (ids.current, ids.earlier, ids.timeout) == (3, frozenset({1, 2}), 10.0)
