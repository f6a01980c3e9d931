"""Each class of errors is met on a real server, or it is said why no server brings it about."""

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.ensemble import SUPER_USER, Ensemble
from tests.frames import reply_to
from tests.ports import free_port
from tests.promises.outsider import expire
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.saslserver import SaslServer
from tests.servers import AnyServer
from tests.waiting import wait_until
from tests.wire import Opcode
from zc.zk import Client, State, WatcherType, errors
from zc.zk import operations as ops
from zc.zk.errors import ZooKeeperError
from zc.zk.jute import Writer
from zc.zk.security import CREATOR_ALL_ACL

TIMEOUT = 4.0
ROOTS = {
    errors.ZooKeeperError,
    errors.CodedError,
    errors.ServerError,
    errors.NetworkError,
    errors.ProtocolError,
    errors.UsageError,
}
# Those that no scenario here brings about, and why.
NEVER: dict[type[ZooKeeperError], str] = {
    errors.SystemZookeeperError: "the mark above which the system errors lie; it is none itself",
    errors.LockTimeout: "of recipes",
    errors.CancelledError: "of recipes",
    errors.APIError: "the mark below which the user-level errors lie; it is none itself",
    errors.DataInconsistency: "reserved; no server has code that sends it",
    errors.InvalidCallbackError: "of the C client alone",
    errors.RequestTimeoutError: "of the Java client alone; ours is OperationTimeoutError",
    errors.SessionMovedError: "servers hang up instead of sending it",
    errors.UnknownSessionError: "members tell it each other; clients are told SessionExpired",
    errors.UnknownError: "no known server sends a number that we do not know; see test_r24",
    errors.ResponseTooLargeError: "no server sends that much; see test_r24, which makes it longer",
    errors.ForkedClientError: "nothing is sent; see test_r27",
    errors.VersionUnknownError: "not of the protocol; see the tests of the words",
}


class NothingInIt(ops.GetData):
    """A request that ends behind its header."""

    __slots__ = ()

    def write(self, out: Writer) -> None:
        """Write nothing."""


@dataclass
class Scene:
    """What scenarios take place on; each asks for what it needs."""

    fixtures: pytest.FixtureRequest
    stack: contextlib.ExitStack

    @property
    def server(self) -> RealServer:
        server: RealServer = self.fixtures.getfixturevalue("real_server")
        return server

    @property
    def home(self) -> str:
        make: Callable[[AnyServer], str] = self.fixtures.getfixturevalue("fresh_chroot")
        return make(self.server)

    def client(self, address: str | None = None, **options: Any) -> Client:
        """Give a client at a home of its own, or at this address."""
        chosen = self.server.address + self.home if address is None else address
        client = Client(chosen, **{"timeout": TIMEOUT, **options})
        self.stack.callback(client.stop)
        client.start()
        return client

    def behind_proxy(self, **options: Any) -> tuple[Client, FaultProxy]:
        proxy: FaultProxy = self.fixtures.getfixturevalue("proxy_to")(self.server.port)
        return self.client(proxy.address + self.home, **options), proxy

    def own_server(self, **options: Any) -> Client:
        """Give a client of a server of this scenario's own."""
        return self.client(self.stack.enter_context(RealServer(**options)).address)

    def own_ensemble(self, **options: Any) -> Ensemble:
        ensemble: Ensemble = self.fixtures.getfixturevalue("own_ensemble")(**options)
        return ensemble


Scenario = Callable[[Scene], object]
SCENARIOS: dict[type[ZooKeeperError], Scenario] = {}


def brings(error: type[ZooKeeperError]) -> Callable[[Scenario], Scenario]:
    def register(scenario: Scenario) -> Scenario:
        SCENARIOS[error] = scenario
        return scenario

    return register


# --- what the server refuses


@brings(errors.NoNodeError)
def _(it: Scene) -> object:
    return it.client().get("/none")


@brings(errors.NodeExistsError)
def _(it: Scene) -> object:
    client = it.client()
    client.create("/a")
    return client.create("/a")


@brings(errors.NotEmptyError)
def _(it: Scene) -> object:
    client = it.client()
    client.create("/a/b", makepath=True)
    return client.delete("/a")


@brings(errors.BadVersionError)
def _(it: Scene) -> object:
    client = it.client()
    client.create("/a")
    return client.set("/a", b"", 7)


@brings(errors.NoChildrenForEphemeralsError)
def _(it: Scene) -> object:
    client = it.client()
    client.create("/a", ephemeral=True)
    return client.create("/a/b")


@brings(errors.NoAuthError)
def _(it: Scene) -> object:
    owner = it.client(auth_data=[("digest", "ann:her word")], default_acl=CREATOR_ALL_ACL)
    owner.create("/a")
    return it.client(it.server.address + owner.chroot).get("/a")


@brings(errors.InvalidACLError)
def _(it: Scene) -> object:
    return it.client().create("/a", acl=CREATOR_ALL_ACL)  # of a creator who is nobody


@brings(errors.BadArgumentsError)
def _(it: Scene) -> object:
    return it.client(it.server.address).delete("/zookeeper")


@brings(errors.MarshallingError)
def _(it: Scene) -> object:
    client = it.client()
    return client.run(iter(NothingInIt("/")))


@brings(errors.UnimplementedError)
def _(it: Scene) -> object:
    options = {
        "settings": {"reconfigEnabled": "true"},
        "java_options": ["-Dzookeeper.skipACL=yes"],
    }
    return it.own_server(**options).reconfig(None, "3", None)


@brings(errors.AuthFailedError)
def _(it: Scene) -> object:
    return it.client().add_auth("no such scheme", "a:b")


@brings(errors.NoWatcherError)
def _(it: Scene) -> object:
    return it.client().run(iter(ops.CheckWatches("/none", WatcherType.ANY)))


@brings(errors.RuntimeInconsistency)
def _(it: Scene) -> object:
    return raised(results_of_a_transaction(it)[2])


@brings(errors.RolledBackError)
def _(it: Scene) -> object:
    return raised(results_of_a_transaction(it)[0])


def results_of_a_transaction(it: Scene) -> list[Any]:
    transaction = it.client().transaction()
    transaction.create("/a")
    transaction.delete("/none")
    transaction.create("/b")
    return transaction.commit()


def raised(error: Exception) -> object:
    raise error


@brings(errors.QuotaExceededError)
def _(it: Scene) -> object:
    client = it.own_server(java_options=["-Dzookeeper.enforceQuota=true"])
    client.create("/q")
    limits = b"count=-1,bytes=-1=;byteHardLimit=3;countHardLimit=-1"
    client.create("/zookeeper/quota/q/zookeeper_limits", limits, makepath=True)
    client.create("/zookeeper/quota/q/zookeeper_stats", b"count=0,bytes=0")
    return client.set("/q", b"more than that")


@brings(errors.ThrottledOpError)
def _(it: Scene) -> object:
    options = {"max_requests": 1, "stall_time": 20}
    client = it.own_server(
        java_options=[
            *(f"-Dzookeeper.request_throttle_{name}={value}" for name, value in options.items()),
            "-Dzookeeper.throttled_op_wait_time=1",
        ]
    )
    results = [client.exists_async("/") for _ in range(1000)]
    return [result.get() for result in results]


@brings(errors.SessionClosedRequireSaslError)
def _(it: Scene) -> object:
    return it.client(it.stack.enter_context(SaslServer(required=True)).address).get("/")


# --- what an ensemble refuses


@brings(errors.NotReadOnlyCallError)
def _(it: Scene) -> object:
    ensemble = it.own_ensemble(read_only_mode=True, local_sessions=True)
    apart = ensemble.followers[0]
    ensemble.isolate(apart)
    wait_until(lambda: apart.words(b"isro") == "ro", 30.0)
    return it.client(apart.address, read_only=True).create("/a")


@brings(errors.EphemeralOnLocalSessionError)
def _(it: Scene) -> object:
    settings = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "false"}
    ensemble = it.own_ensemble(settings=settings)
    return it.client(ensemble.followers[0].address).create("/a", ephemeral=True)


@brings(errors.ReconfigDisabledError)
def _(it: Scene) -> object:
    return it.client().reconfig(None, "3", None)


@brings(errors.NewConfigNoQuorumError)
def _(it: Scene) -> object:
    client = it.client(it.own_ensemble().address, auth_data=[("digest", SUPER_USER)])
    line = "server.{0}=127.0.0.1:1:{0}:participant;127.0.0.1:1{0}"
    return client.reconfig([line.format(number) for number in range(6, 10)], None, None)


@brings(errors.ReconfigInProgressError)
def _(it: Scene) -> object:
    ensemble = it.own_ensemble()
    client = it.client(ensemble.leader.address, auth_data=[("digest", SUPER_USER)])
    # Nobody agrees to the first as long as the followers sleep.
    for follower in ensemble.followers:
        follower.pause()
    lines = [member.line for member in ensemble.members]
    asked = [client.reconfig_async(None, None, lines) for _ in range(2)]
    for member in ensemble.members:
        member.resume()
    return [result.get() for result in asked]


# --- what is lost


@brings(errors.ConnectionLoss)
def _(it: Scene) -> object:
    client, proxy = it.behind_proxy()
    proxy.cut_on(reply_to(Opcode.CREATE), times=1)
    return client.create("/a-", sequence=True)


@brings(errors.OutcomeUnknown)
def _(it: Scene) -> object:
    return SCENARIOS[errors.ConnectionLoss](it)


@brings(errors.OperationTimeoutError)
def _(it: Scene) -> object:
    client, proxy = it.behind_proxy(operation_timeout=0.3)
    proxy.hold()
    return client.get("/")


@brings(errors.SessionExpiredError)
def _(it: Scene) -> object:
    client, proxy = it.behind_proxy()
    states = States(client)
    proxy.refuse()
    proxy.cut()
    states.wait_for(State.SUSPENDED, bound=2.0)
    result = client.create_async("/a")
    expire(it.server.port, client.client_id)
    proxy.accept()
    return result.get()


@brings(errors.ConnectionClosedError)
def _(it: Scene) -> object:
    client = it.client()
    client.stop()
    return client.get("/")


@brings(errors.FailedConnect)
def _(it: Scene) -> object:
    client = Client(f"127.0.0.1:{free_port()}")
    return client.start(timeout=0.2)  # type: ignore[func-returns-value]


# --- what is not sent


@brings(errors.RequestTooLargeError)
def _(it: Scene) -> object:
    return it.client().create("/a", bytes(2**20))


@brings(errors.ArgumentTypeError)
def _(it: Scene) -> object:
    return it.client().create("/a", "text")  # type: ignore[call-overload]


@brings(errors.ArgumentError)
def _(it: Scene) -> object:
    return it.client().get("a")


def every_error() -> list[type[ZooKeeperError]]:
    """Give every class of the tree."""
    return [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, ZooKeeperError) and each.__module__ == errors.__name__
    ]


@pytest.mark.slow
@pytest.mark.parametrize("error", SCENARIOS, ids=lambda error: error.__name__)
def test_an_error_is_met_on_a_real_server(
    real_server: RealServer, request: pytest.FixtureRequest, error: type[ZooKeeperError]
) -> None:
    with contextlib.ExitStack() as stack:
        scene = Scene(request, stack)

        with pytest.raises(error) as caught:
            SCENARIOS[error](scene)

        assert isinstance(caught.value, error)
        assert "\n" not in str(caught.value)
        assert str(caught.value)


def test_each_error_is_met_or_it_is_said_why_it_is_not() -> None:
    named = set(every_error()) - ROOTS

    assert named == {*SCENARIOS, *NEVER}
    assert SCENARIOS.keys().isdisjoint(NEVER)
