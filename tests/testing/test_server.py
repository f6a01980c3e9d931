"""`zc.zk.testing.Server`: a server in this process, and what can befall it."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.wireclient import ClosedError, WireClient, connect_frame
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.jute import Reader
from zc.zk.server.folder import FolderError
from zc.zk.server.settings import Settings
from zc.zk.testing import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def attach_again(server: Server, client: WireClient) -> WireClient:
    response = client.response
    return WireClient(server.port, connect_frame(response.session_id, response.password))


def names(client: WireClient) -> list[str]:
    body = client.call(ops.GetChildren("/")).body
    return sorted(ops.GetChildren("/").read(Reader(body)))


def test_a_server_says_where_it_is(server: Server) -> None:
    assert server.is_running
    assert server.address == f"127.0.0.1:{server.port}"
    assert server.address in repr(server)
    WireClient(server.port).socket.close()


def test_a_stopped_server_is_not_there(server: Server) -> None:
    server.stop()

    assert not server.is_running
    with pytest.raises(ConnectionRefusedError):
        WireClient(server.port)


def test_starting_and_stopping_twice_is_as_good_as_once(server: Server) -> None:
    port = server.port

    server.start()
    assert server.port == port
    server.stop()
    server.stop()


def test_a_server_can_be_started_again_on_the_same_port(server: Server) -> None:
    port = server.port
    server.stop()

    server.start()

    assert server.port == port
    WireClient(port).socket.close()


def test_data_and_sessions_survive_a_restart(server: Server) -> None:
    with WireClient(server.port) as client:
        client.call(ops.Create("/n"))
        client.call(ops.Create("/e", flags=CreateFlag.EPHEMERAL))

        server.restart()

        assert client.is_hung_up()
        with attach_again(server, client) as newer:
            assert newer.response.session_id == client.response.session_id
            assert names(newer) == ["e", "n", "zookeeper"]


def test_zxids_go_on_after_a_restart(server: Server) -> None:
    with WireClient(server.port) as client:
        before = client.call(ops.Create("/n")).zxid
    server.restart()

    with WireClient(server.port, connect_frame(last_zxid_seen=before)) as client:
        assert client.call(ops.Create("/m")).zxid > before


def test_a_wipe_forgets_everything_but_goes_on_with_larger_zxids(server: Server) -> None:
    with WireClient(server.port) as client:
        before = client.call(ops.Create("/n")).zxid

        server.restart(wipe=True)

        with attach_again(server, client) as refused:
            assert refused.response.timeout == 0
    with WireClient(server.port, connect_frame(last_zxid_seen=before)) as client:
        assert names(client) == ["zookeeper"]


def test_a_running_server_cannot_be_wiped(server: Server) -> None:
    with pytest.raises(RuntimeError, match="stop it"):
        server.wipe()


def test_a_killed_server_says_no_goodbye(server: Server) -> None:
    with WireClient(server.port) as client:
        client.call(ops.Create("/n"))

        server.kill()

        with pytest.raises(ConnectionResetError):
            client.socket.recv(100)
        server.start()
        with attach_again(server, client) as newer:
            assert names(newer) == ["n", "zookeeper"]


def test_sessions_can_be_listed_and_ended(server: Server) -> None:
    with WireClient(server.port) as client, WireClient(server.port) as other:
        assert server.sessions == [each.response.session_id for each in (client, other)]

        assert server.expire(client.response.session_id)

        assert client.is_hung_up()
        assert server.sessions == [other.response.session_id]
        assert not server.expire(client.response.session_id)


def test_a_stopped_server_can_be_asked_too(server: Server) -> None:
    with WireClient(server.port) as client:
        server.stop()

        assert server.sessions == [client.response.session_id]
        assert server.expire(client.response.session_id)
        assert server.sessions == []


def test_a_server_that_never_ran_cannot_be_asked() -> None:
    with pytest.raises(RuntimeError, match="never started"):
        _ = Server().sessions


def test_connections_can_be_dropped_and_their_sessions_live_on(server: Server) -> None:
    with WireClient(server.port) as client:
        server.drop_connections()

        assert client.is_hung_up()
        with attach_again(server, client) as newer:
            assert newer.response.session_id == client.response.session_id
    server.stop()
    server.drop_connections()


def test_a_session_ends_by_itself_when_nothing_is_heard() -> None:
    with Server(tick_time=0.05) as server:
        with WireClient(server.port, connect_frame(timeout=100)) as client:
            assert client.response.timeout == 100
            assert client.is_hung_up()
        assert server.sessions == []


def test_the_bounds_of_time_outs_can_be_told() -> None:
    with Server(min_session_timeout=1.5, max_session_timeout=3.0) as server:
        for wanted, negotiated in ((0, 1500), (10_000, 3000)):
            with WireClient(server.port, connect_frame(timeout=wanted)) as client:
                assert client.response.timeout == negotiated


def test_all_settings_can_be_told() -> None:
    with Server(settings=Settings(first_zxid=41)) as server, WireClient(server.port) as client:
        assert client.call(ops.Sync("/")).zxid == 42


def test_a_port_in_use_is_an_error_and_nothing_stays_behind(server: Server) -> None:
    second = Server(port=server.port)

    with pytest.raises(OSError, match="in use"):
        second.start()

    assert not second.is_running


def test_several_threads_may_use_a_server_at_once(server: Server) -> None:
    errors: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(20):
                with WireClient(server.port) as client:
                    assert client.response.session_id in server.sessions
                    server.expire(client.response.session_id)
        except BaseException as error:  # noqa: BLE001 (told below)
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert server.sessions == []


def test_many_starts_leave_nothing_behind() -> None:
    server = Server()
    for _ in range(20):
        server.start()
        with WireClient(server.port) as client:
            client.call(ops.Ping())
        server.stop()


def test_a_host_with_colons_is_written_in_brackets() -> None:
    assert Server(host="::1", port=2181).address == "[::1]:2181"


def test_the_loop_lives_in_one_daemon_thread(server: Server) -> None:
    mine = [thread for thread in threading.enumerate() if server.address in thread.name]

    assert [thread.daemon for thread in mine] == [True]


# On disk


def test_data_and_sessions_survive_on_disk(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server, WireClient(server.port) as client:
        before = client.call(ops.Create("/n", b"data")).zxid
        client.call(ops.Create("/e", flags=CreateFlag.EPHEMERAL))
        port = server.port
        server.kill()

        with Server(port, data_dir=str(tmp_path)) as second, attach_again(second, client) as newer:
            assert newer.response.session_id == client.response.session_id
            assert names(newer) == ["e", "n", "zookeeper"]
            assert newer.call(ops.Create("/m")).zxid > before


def test_two_servers_cannot_share_a_folder(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path):
        second = Server(data_dir=tmp_path)
        with pytest.raises(FolderError, match="another server"):
            second.start()

    assert not second.is_running


def test_a_server_lets_go_of_its_folder_when_it_stops(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path):
        pass

    with Server(data_dir=tmp_path):
        pass


def test_a_wipe_empties_the_folder(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server:
        with WireClient(server.port) as client:
            client.call(ops.Create("/n"))

        server.restart(wipe=True)

        with WireClient(server.port) as client:
            assert names(client) == ["zookeeper"]


def test_an_acknowledged_write_is_on_the_disk(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server, WireClient(server.port) as client:
        client.call(ops.Create("/a-name-to-look-for"))

        assert b"/a-name-to-look-for" in (tmp_path / "journal").read_bytes()


def test_a_handshake_is_not_answered_before_its_session_is_safe(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server, WireClient(server.port) as client:
        assert client.response.password in (tmp_path / "journal").read_bytes()


def test_nothing_is_heard_from_a_server_that_is_gone(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        server.stop()

        assert connection.recv(100) == b""


def test_a_client_cut_off_by_a_stop_is_told_by_the_end_of_the_stream(server: Server) -> None:
    with WireClient(server.port) as client:
        server.stop()

        with pytest.raises(ClosedError):
            client.call(ops.Ping())


def test_it_tells_by_a_word_where_it_is(tmp_path: Path) -> None:
    with (
        Server(data_dir=tmp_path, settings=Settings(words=("*",))) as server,
        socket.create_connection(("127.0.0.1", server.port), 10) as connection,
    ):
        connection.sendall(b"conf")
        told = b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    assert f"clientPort={server.port}\n" in told
    assert f"dataDir={tmp_path}\n" in told


def test_a_disk_that_fails_ends_the_server_and_nobody_is_told_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with Server(data_dir=tmp_path) as server, WireClient(server.port) as client:
        client.call(ops.Create("/before"))
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", fail)

            with pytest.raises((ClosedError, OSError)):
                client.call(ops.Create("/n"))

        server.restart()
        with WireClient(server.port) as other:
            there = [other.call(ops.Exists(path)).error == 0 for path in ("/before", "/n")]

    assert there == [True, False]
    (line,) = (each.getMessage() for each in caplog.records if each.name == "zc.zk.testing")
    assert line == f"the server ended: cannot write {tmp_path / 'journal'}: no space left on device"
