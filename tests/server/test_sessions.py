"""Sessions: ids, passwords, and expiry by ticks (protocol.md, 2.2 and 2.3)."""

from zc.zk.server.sessions import Session, Sessions

PASSWORD = b"0123456789abcdef"


def sessions_of_a_second() -> Sessions:
    return Sessions(tick_time=1.0, wall_milliseconds=0x12_3456_789A)


def test_an_id_names_the_server_and_the_time_and_counts() -> None:
    sessions = sessions_of_a_second()

    assert sessions.new_id() == 0x01_12_3456_789A_0000
    assert sessions.new_id() == 0x01_12_3456_789A_0001


def test_only_five_bytes_of_the_clock_are_used() -> None:
    assert Sessions(1.0, 0x7F_12_3456_789A).new_id() == 0x01_12_3456_789A_0000


def test_an_id_that_was_recovered_is_not_given_again() -> None:
    sessions = sessions_of_a_second()
    recovered = sessions.new_id() + 5

    sessions.begin(recovered, 1000, PASSWORD, 0.0)

    assert sessions.new_id() == recovered + 1


def test_a_session_is_found_until_it_ends() -> None:
    sessions = sessions_of_a_second()
    session = sessions.begin(1, 1000, PASSWORD, 0.0)
    assert sessions.find(1) is session
    assert sessions[1] is session
    assert list(sessions) == [session]

    assert sessions.end(1) is session

    assert sessions.find(1) is None
    assert len(sessions) == 0


def test_ending_what_is_not_alive_changes_nothing() -> None:
    assert sessions_of_a_second().end(1) is None


def test_only_the_right_password_is_accepted() -> None:
    session = Session(1, 1000, PASSWORD)

    assert session.accepts(PASSWORD)
    assert not session.accepts(PASSWORD[:15])
    assert not session.accepts(b"")
    assert not session.accepts(bytes(16))


def test_a_password_is_not_shown() -> None:
    assert PASSWORD.decode() not in repr(Session(1, 1000, PASSWORD))


def test_a_silent_session_ends_between_its_time_out_and_a_tick_later() -> None:
    sessions = sessions_of_a_second()
    session = sessions.begin(1, 1500, PASSWORD, 10.2)

    assert sessions.deadline() == 12.0
    assert sessions.due(11.9) == []
    assert sessions.due(12.0) == [session]


def test_a_time_out_that_ends_on_a_tick_still_gets_one_more() -> None:
    sessions = sessions_of_a_second()

    sessions.begin(1, 2000, PASSWORD, 10.0)

    assert sessions.deadline() == 13.0


def test_a_touch_begins_the_time_out_anew() -> None:
    sessions = sessions_of_a_second()
    session = sessions.begin(1, 1500, PASSWORD, 10.2)

    sessions.touch(session, 11.9)

    assert sessions.due(12.0) == []
    assert sessions.deadline() == 14.0


def test_a_touch_never_shortens_a_life() -> None:
    sessions = sessions_of_a_second()
    session = sessions.begin(1, 1500, PASSWORD, 10.2)

    sessions.touch(session, 5.0)

    assert sessions.deadline() == 12.0


def test_another_time_out_can_shorten_a_life() -> None:
    sessions = sessions_of_a_second()
    session = sessions.begin(1, 30_000, PASSWORD, 10.0)

    sessions.renegotiate(session, 2000, 10.0)

    assert session.timeout == 2000
    assert sessions.deadline() == 13.0


def test_after_a_restart_every_time_out_begins_anew() -> None:
    sessions = sessions_of_a_second()
    sessions.begin(1, 1000, PASSWORD, 0.0)
    sessions.begin(2, 5000, PASSWORD, 0.0)

    sessions.restart_clocks(100.0)

    assert sessions.due(101.9) == []
    assert [session.id for session in sessions.due(110.0)] == [1, 2]


def test_all_that_are_overdue_are_due_the_oldest_first() -> None:
    sessions = sessions_of_a_second()
    for session_id, timeout in ((1, 3000), (2, 1000), (3, 60_000)):
        sessions.begin(session_id, timeout, PASSWORD, 0.0)

    assert [session.id for session in sessions.due(10.0)] == [2, 1]


def test_without_sessions_there_is_no_deadline() -> None:
    sessions = sessions_of_a_second()
    assert sessions.deadline() is None

    sessions.begin(1, 1000, PASSWORD, 0.0)
    sessions.end(1)

    assert sessions.deadline() is None
