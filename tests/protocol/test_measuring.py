"""A session that counts and times its requests."""

from tests.protocol.conversation import Asked, Conversation, T, stat
from zc.zk.codes import ErrorCode, EventType
from zc.zk.errors import ConnectionLoss
from zc.zk.operations import GetData, SetData, Watch
from zc.zk.protocol.ensemble import Ensemble, parse
from zc.zk.protocol.live import LiveData
from zc.zk.protocol.measuring import MeasuredSession
from zc.zk.protocol.states import Settings


class Measured(Conversation):
    """A conversation of a session that measures."""

    def __init__(self) -> None:
        super().__init__()
        settings = Settings(timeout=T, connect_timeout=3.0)
        ensemble = Ensemble(parse("a:1")[0], lambda: 0.5)
        self.measured = MeasuredSession(ensemble, settings, self._note)
        self.session = self.measured
        self.due = 0
        self.measured.on_due = self._count

    def _count(self) -> None:
        self.due += 1


def online() -> Measured:
    talk = Measured()
    talk.go_online()
    talk.wait(0.5)
    talk.measured.take_report()
    return talk


def test_requests_are_counted_by_operation_and_outcome_and_timed() -> None:
    talk = online()
    found, missing = talk.ask(GetData("/a")), talk.ask(GetData("/b"))
    talk.now += 0.25
    talk.reply((b"1", stat()))
    talk.refuse(ErrorCode.NO_NODE)

    report = talk.measured.take_report()

    assert found.answer[0] == b"1"
    assert type(missing.error).__name__ == "NoNodeError"
    assert report.counts["requests", "GetData", "ok"] == 1
    assert report.counts["requests", "GetData", "NoNodeError"] == 1
    assert report.durations == {"GetData": [0.25, 0.25]}


def test_a_cut_off_write_is_counted_and_a_read_only_once_it_is_answered() -> None:
    talk = online()
    talk.ask(GetData("/a"))
    talk.ask(SetData("/a", b"", -1))
    talk.drop()
    lost = talk.measured.take_report()
    talk.come_back()
    talk.reply((b"", stat()))

    found = talk.measured.take_report()

    assert [key for key in lost.counts if key[0] == "requests"] == [
        ("requests", "SetData", "ConnectionLoss")
    ]
    assert (lost.counts["retries",], lost.counts["unknown_outcomes",]) == (1, 1)
    assert found.counts["requests", "GetData", "ok"] == 1
    assert found.counts["reconnects",] == 1


def test_a_request_that_fails_fast_does_so_when_it_is_measured() -> None:
    talk = online()
    asked = Asked(GetData("/a"))
    asked.fail_fast = True
    talk.session.submit(asked, talk.now)
    talk.drop()

    counts = talk.measured.take_report().counts

    assert isinstance(asked.error, ConnectionLoss)
    assert counts["requests", "GetData", "ConnectionLoss"] == 1
    assert counts["retries",] == 0  # it is not asked again


def test_a_request_that_timed_out_is_counted_once() -> None:
    talk = online()
    talk.ask(GetData("/a"), within=0.5)
    talk.wait(1.0)
    talk.reply((b"", stat()))

    counts = talk.measured.take_report().counts

    assert counts["requests", "GetData", "OperationTimeoutError"] == 1
    assert counts["requests", "GetData", "ok"] == 0
    assert counts["late_replies",] == 1


def test_bytes_are_counted_in_both_directions() -> None:
    talk = online()
    talk.ask(GetData("/a"))
    sent = talk.measured.take_report().counts
    talk.reply((b"1234", stat()))
    received = talk.measured.take_report().counts

    assert (sent["bytes_sent",], sent["bytes_received",]) == (4 + 8 + 4 + 2 + 1, 0)
    assert (received["bytes_sent",], received["bytes_received",]) == (0, 4 + 16 + 4 + 4 + 68)


def test_readings_of_live_nodes_and_events_are_counted() -> None:
    talk = online()
    LiveData(talk.session, "/a").refresh()
    talk.collect()
    talk.reply((b"", stat()))
    talk.event(EventType.CHANGED, "/a")

    report = talk.measured.take_report()

    assert report.counts["requests", "GetData", "ok"] == 1
    assert report.counts["watch_events",] == 1
    assert (report.levels["live_objects"], report.levels["in_flight"]) == (1, 1)


def test_levels_say_how_things_stand() -> None:
    talk = online()
    talk.ask(GetData("/a", Watch()))
    talk.reply((b"", stat()))
    talk.ask(GetData("/b"))
    connected = talk.measured.take_report().levels
    talk.drop()
    suspended = talk.measured.take_report().levels

    assert list(connected) == ["connected", "waiting", "in_flight", "watches", "live_objects"]
    assert list(connected.values()) == [1, 0, 1, 1, 0]
    assert list(suspended.values()) == [0, 1, 0, 1, 0]


def test_what_comes_together_is_reported_together_in_a_moment() -> None:
    talk = online()
    talk.due = 0
    for _ in range(3):
        talk.ask(GetData("/a"))
        talk.reply((b"", stat()))
    at_once = talk.due

    talk.wait(0.5)

    assert (at_once, talk.due) == (0, 1)


def test_a_longer_queue_is_reported_without_any_outcome() -> None:
    talk = Measured()
    talk.open()
    talk.due = 0
    talk.ask(GetData("/a"))

    talk.measured.tick(talk.now + 1.0)

    assert talk.due == 1
    assert talk.measured.take_report().levels["waiting"] == 1


def test_the_end_is_reported_at_once_with_all_levels_at_zero() -> None:
    talk = online()
    talk.due = 0

    talk.measured.finish("closed by the caller")
    talk.measured.finish("closed by the caller")

    assert talk.due == 1
    assert set(talk.measured.take_report().levels.values()) == {0}


def test_durations_of_one_report_are_limited() -> None:
    talk = online()
    for _ in range(10_001):
        talk.measured.ended("GetData", "ok", talk.now)

    report = talk.measured.take_report()

    assert report.counts["requests", "GetData", "ok"] == 10_001
    assert len(report.durations["GetData"]) == 10_000
