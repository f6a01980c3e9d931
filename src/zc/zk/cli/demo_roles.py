"""The programs of the demo, each the few lines that you would write yourself."""

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import zc.zk
from zc.zk.cli import main as command

_SECONDS_TO_LEAVE = 2.0

# --- what a user writes


def prepare(zookeeper: str) -> None:
    """Lay out the service, as an administrator does once."""
    zk = zc.zk.ZooKeeper(zookeeper)
    zk.create("/fooservice/servers", makepath=True)
    zk.properties("/fooservice").set(colour="blue", threads=2)
    zk.close()


def serve(zookeeper: str) -> tuple[zc.zk.ZooKeeper, socket.socket]:
    """Listen on a free port, and register the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    zk = zc.zk.ZooKeeper(zookeeper, session_timeout=1)
    zk.register("/fooservice/servers", listener.getsockname())
    return zk, listener


def watch(zookeeper: str) -> zc.zk.ZooKeeper:
    """Follow the addresses and the configuration."""
    zk = zc.zk.ZooKeeper(zookeeper)

    @zk.children("/fooservice/servers")
    def servers_changed(servers: zc.zk.Children) -> None:
        print("servers:", ", ".join(sorted(servers)) or "none")

    @zk.properties("/fooservice")
    def configuration_changed(configuration: zc.zk.Properties) -> None:
        print("configuration:", dict(configuration))

    return zk


def configure(zookeeper: str) -> None:
    """Change the configuration, and leave what is not named."""
    zk = zc.zk.ZooKeeper(zookeeper)
    zk.properties("/fooservice").update(threads=8)
    zk.close()


def end_session(zookeeper: str, session_id: int, password: bytes) -> None:
    """End somebody's session: take it over, and close it."""
    client = zc.zk.Client(zookeeper, client_id=(session_id, password))
    client.start()
    client.stop()


# --- what the demo needs besides: the processes end when the demo does, however it does


def main() -> None:
    """Play the role that the command line names."""
    role, *arguments = sys.argv[1:]
    _ROLES[role](*arguments)


def _zookeeper() -> None:
    threading.Thread(target=_end_with_input, daemon=True).start()
    # Short ticks: sessions may be as short as those of the demo.
    sys.exit(command.main(["server", "--port", "0", "--tick-time", "0.2"]))


def _end_with_input() -> None:
    _wait_for_end(_input())
    os.kill(os.getpid(), signal.SIGTERM)


def _server(zookeeper: str) -> None:
    lines = _input()
    zk, listener = serve(zookeeper)
    _tell(zk, listener)
    while lines.get() is not None:  # each line asks who we are now
        _tell(zk, listener)
    zk.close()
    listener.close()


def _tell(zk: zc.zk.ZooKeeper, listener: socket.socket) -> None:
    # A session's password is for its owner alone; here the operator of the demo gets to know it.
    session_id, password = zk.client.client_id or (0, b"")
    host, port = listener.getsockname()
    answer = {"address": f"{host}:{port}", "session_id": session_id, "password": password.hex()}
    print(json.dumps(answer))


def _watcher(zookeeper: str) -> None:
    lines = _input()
    zk = watch(zookeeper)
    _wait_for_end(lines)
    zk.close()


def _operator(zookeeper: str, session_id: str, password: str) -> None:
    end_session(zookeeper, int(session_id), bytes.fromhex(password))


def _input() -> "queue.SimpleQueue[str | None]":
    """Give the lines of our input, then None; a bit later the process ends, whatever it is doing."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read_input, args=[lines], daemon=True).start()
    return lines


def _read_input(lines: "queue.SimpleQueue[str | None]") -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)
    time.sleep(_SECONDS_TO_LEAVE)
    os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_end(lines: "queue.SimpleQueue[str | None]") -> None:
    while lines.get() is not None:
        pass


_ROLES: dict[str, Callable[..., None]] = {
    "zookeeper": _zookeeper,
    "prepare": prepare,
    "server": _server,
    "watcher": _watcher,
    "configure": configure,
    "operator": _operator,
}


if __name__ == "__main__":
    main()
