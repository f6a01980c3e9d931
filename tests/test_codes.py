import pytest

from zc.zk.codes import EVENT_NUMBERS, EVENT_TYPES, EventType, KeeperState, OpCode, State


@pytest.mark.parametrize("names", [EventType, State, KeeperState])
def test_each_name_equals_its_own_text(names: type[EventType | State | KeeperState]) -> None:
    assert [str(member) for member in names] == [member.name for member in names]


def test_every_event_type_that_a_server_sends_has_one_number() -> None:
    from_servers = {kind for kind in EventType if not kind.endswith("_WATCH_REMOVED")}

    assert set(EVENT_TYPES.values()) == from_servers
    assert {EVENT_NUMBERS[kind]: kind for kind in from_servers} == EVENT_TYPES


def test_a_client_is_connected_to_a_read_only_server_too() -> None:
    connected = {state for state in KeeperState if state.is_connected}

    assert connected == {KeeperState.CONNECTED, KeeperState.CONNECTED_RO}


def test_only_two_states_are_final() -> None:
    final = {state for state in KeeperState if state.is_final}

    assert final == {KeeperState.AUTH_FAILED, KeeperState.CLOSED}


def test_closing_a_session_is_the_only_request_with_a_negative_number() -> None:
    assert [code for code in OpCode if code < 0] == [OpCode.CLOSE_SESSION]
