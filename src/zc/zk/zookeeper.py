"""The registry helper: servers register themselves, clients look them up, configuration is JSON in nodes."""

import os
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Self

import simplejson

from zc.zk import paths
from zc.zk.asking import WatchCallback
from zc.zk.client import Client
from zc.zk.codes import ANY_VERSION, DEFAULT_PORT
from zc.zk.errors import ArgumentTypeError
from zc.zk.records import Stat
from zc.zk.registry.addresses import Address
from zc.zk.registry.live import Children, Properties, children_of, properties_of
from zc.zk.registry.properties import Data, decode
from zc.zk.registry.registrar import RegisteredServer, Registrar
from zc.zk.registry.standing import Standing
from zc.zk.security import ACL, READ_ACL_UNSAFE

CONNECTION_STRING_VARIABLE = "ZC_ZK_CONNECTION_STRING"
DEFAULT_SESSION_TIMEOUT = 10.0  # seconds
DEFAULT_START_TIMEOUT = 10.0  # seconds
_A_WHILE = 3600.0  # seconds: what "for ever" is made of


class ZooKeeper(Standing[Client]):
    """A connection to a service registry.

    `connection_string` is `HOST:PORT,HOST:PORT[/chroot]`, a port number for a server on this machine, or a
    `zc.zk.Client`, which is used as it is and left open by `close`. Without it the environment variable
    `ZC_ZK_CONNECTION_STRING` is used, else `127.0.0.1:2181`. `session_timeout` is in seconds, 10 by default.

    Returns when the session is there. Raises `FailedConnect` after `start_timeout` seconds, with each server tried and
    why it did not do; with `wait` it goes on trying for ever. Sessions and watches are re-established by themselves.
    """

    _title = "zc.zk.ZooKeeper"
    _registrar: Registrar
    connected: threading.Event

    def __init__(
        self,
        connection_string: str | int | Client | None = None,
        session_timeout: float | None = None,
        wait: bool = False,
        *,
        start_timeout: float = DEFAULT_START_TIMEOUT,
    ) -> None:
        self._owns_client = not isinstance(connection_string, Client)
        if isinstance(connection_string, Client):
            self._client = client = connection_string
        else:
            timeout = DEFAULT_SESSION_TIMEOUT if session_timeout is None else session_timeout
            self._client = client = Client(servers(connection_string, "zc.zk.Client"), timeout)
        self.connected = client.driver.new_event()
        self.zkaddr = client.hosts + client.chroot
        self._registrar = Registrar(client)
        client.add_listener(self._state_changed)
        if not client.connected:
            self._start(client, start_timeout, wait)
        self.connected.set()

    def _start(self, client: Client, timeout: float, wait: bool) -> None:
        was_running = client.driver.is_running
        try:
            if wait:
                client.wait_for_start()
            else:
                client.start(timeout)
        except BaseException:
            client.remove_listener(self._state_changed)
            if not was_running:  # else it is somebody else's, and may have a session
                client.stop()
            raise

    # --- servers

    def register(
        self,
        path: str,
        address: Address,
        acl: Sequence[ACL] | ACL = tuple(READ_ACL_UNSAFE),
        *,
        wait_for_name: float | None = None,
        **data: Any,
    ) -> RegisteredServer:
        """Make an ephemeral node for a server: a child of `path` named by its address, `(host, port)` or `HOST:PORT`.

        The node's properties are `data`, and `pid`, this process's id. It lives as long as this object is open: after a
        lost session it comes back with its latest properties, unless it was withdrawn. `acl` lets everybody read it.

        Raises `NoNodeError` when there is no node at `path`, `NodeExistsError` at once when this client has
        registered the address already. When another session has, most often a predecessor that crashed, waits until
        its node goes, at most `wait_for_name` seconds: 2 more than the session time-out unless given, 0 for not at
        all.
        """
        wanted = self._wanted(path, address, acl, wait_for_name, data)
        return self._registrar.register(*wanted)

    register_server = register

    def children(self, path: str) -> Children:
        """Return the live children of a node: the addresses of the servers registered there.

        Raises `NoNodeError` when there is no such node now.
        """
        return Children(self.client, path)

    def children_of(self, paths: Iterable[str]) -> dict[str, Children]:
        """Return the live children of many nodes by path; all are read at once.

        Raises `NoNodeError` when one of them is not there now.
        """
        return children_of(self.client, paths)

    # --- configuration

    def properties(self, path: str, watch: bool = True) -> Properties:
        """Return the live properties of a node; without `watch`, those that it has now.

        Raises `NoNodeError` when there is no such node now.
        """
        return Properties(self.client, path, watch)

    def properties_of(self, paths: Iterable[str]) -> dict[str, Properties]:
        """Return the live properties of many nodes by path; all are read at once.

        Raises `NoNodeError` when one of them is not there now.
        """
        return properties_of(self.client, paths)

    def get_properties(self, path: str) -> Data:
        """Return the properties that a node has now, as a dictionary."""
        return decode(self.client.get(path)[0], path)

    def print_tree(self, path: str = "/", indent: int = 0) -> None:
        """Print the nodes from `path` down, each with its properties as JSON."""
        lines = self._tree_lines(paths.validate(path), indent)
        print("\n".join(lines))  # noqa: T201 (this is what it is for)

    def _tree_lines(self, path: str, indent: int) -> list[str]:
        client = self.client
        prefix = " " * indent
        lines = [f"{prefix}/{paths.name(path)}"]
        properties = self.get_properties(path)
        if properties:
            text = simplejson.dumps(properties, indent=2, sort_keys=True)
            lines += [f"{prefix}  {line}" for line in text.splitlines()]
        for name in sorted(client.get_children(path)):
            lines += self._tree_lines(paths.join(path, name), indent + 2)
        return lines

    # --- the lower level

    def exists(self, path: str, watch: WatchCallback | None = None) -> Stat | None:
        """See `zc.zk.Client.exists`."""
        return self.client.exists(path, watch)

    def create(
        self,
        path: str,
        value: bytes | None = b"",
        acl: Sequence[ACL] | None = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
        *,
        container: bool = False,
        ttl: int | None = None,
    ) -> str:
        """See `zc.zk.Client.create`."""
        return self.client.create(
            path, value, acl, ephemeral, sequence, makepath, container=container, ttl=ttl
        )

    def delete(self, path: str, version: int = ANY_VERSION, recursive: bool = False) -> bool:
        """See `zc.zk.Client.delete`; a registration of ours is withdrawn."""
        registration = self._registrar.at(path)
        if registration is None:
            return self.client.delete(path, version, recursive)
        self._registrar.withdraw(registration)
        return True

    def get_children(self, path: str, watch: WatchCallback | None = None) -> list[str]:
        """See `zc.zk.Client.get_children`."""
        return self.client.get_children(path, watch)

    def get(self, path: str, watch: WatchCallback | None = None) -> tuple[bytes, Stat]:
        """See `zc.zk.Client.get`."""
        return self.client.get(path, watch)

    def set(self, path: str, value: bytes | None, version: int = ANY_VERSION) -> Stat:
        """See `zc.zk.Client.set`."""
        return self.client.set(path, value, version)

    # --- the end

    def close(self) -> None:
        """End the session, and with it our registrations, at once; may be called any number of times.

        Returns within two seconds, whatever the network does; in a child of the process that made this, at once and
        without any effect on the parent. A client that was handed in stays open: our registrations
        are withdrawn, where that takes longer in the background.
        """
        client, self._client = self._client, None
        if client is None or client.driver.is_forked:
            return
        client.remove_listener(self._state_changed)
        self.connected.clear()
        if self._owns_client:
            client.stop()
            self._registrar.wake()
        else:
            self._registrar.withdraw_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def servers(connection_string: str | int | None, kind: str) -> str:
    """Return the servers that a registry is asked to connect to; it could stand on a client of a kind, too."""
    if connection_string is None:
        return os.environ.get(CONNECTION_STRING_VARIABLE) or f"127.0.0.1:{DEFAULT_PORT}"
    if isinstance(connection_string, int) and not isinstance(connection_string, bool):
        return f"127.0.0.1:{connection_string}"
    if not isinstance(connection_string, str):
        msg = f"a connection string, a port or a {kind} is needed, not {connection_string!r}"
        raise ArgumentTypeError(msg)
    return connection_string
