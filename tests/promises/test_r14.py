"""R14: listeners are told the sequences of states that there may be and no other, whatever befalls the servers."""

import contextlib
import itertools
import random
import struct
from collections.abc import Callable
from functools import partial
from typing import Protocol

import pytest

from tests.ensemble import Ensemble, Member
from tests.frames import Kind, of_kind
from tests.promises.conftest import Connect
from tests.promises.outsider import expire
from tests.promises.told import States
from tests.promises.weather import ROUNDS
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.waiting import remains, wait_until
from zc.zk import AuthFailedError, Client, KeeperState, State

TIMEOUT = 1.0  # seconds: short, so that sessions end of themselves, too
BACK = 10.0  # seconds: what R2 promises, and a session time-out in which no server accepts us
MAY_FOLLOW = {
    State.CONNECTED: {State.SUSPENDED},
    State.SUSPENDED: {State.CONNECTED, State.LOST},
    State.LOST: {State.CONNECTED},
}

Fault = Callable[[], object]


class Storm(Protocol):
    """Faults of one kind, and their end."""

    def faults(self) -> list[Fault]: ...

    def heal(self) -> None: ...


class Witness:
    """What a client's listeners are told, and which session it has whenever all is quiet."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ears = [States(client), States(client)]
        self.sessions = [(0, self._session())]

    @property
    def told(self) -> list[State]:
        return self.ears[0].values

    def take_note(self) -> None:
        """Wait until the client has told that it is connected, and remember its session."""
        wait_until(self._is_quiet, BACK, f"connected again, after {self.told[-5:]}")
        self.sessions.append((len(self.told), self._session()))

    def check(self) -> None:
        """Expect sequences that are allowed, and a new session only across LOST."""
        first, second = (ear.values for ear in self.ears)
        assert first == second
        for before, after in itertools.pairwise([State.CONNECTED, *first]):
            assert after in MAY_FOLLOW[before], f"{after} follows {before}: {first}"
        for (begin, old), (end, new) in itertools.pairwise(self.sessions):
            if old != new:
                assert State.LOST in first[begin:end], f"{new:#x} is told as {old:#x} reconnected"

    def check_the_end(self) -> None:
        """Expect LOST as the last state, told once, when the client was stopped."""
        self.check()
        before = len(self.told)

        self.client.stop()

        wait_until(lambda: all(ear.last is State.LOST for ear in self.ears), 2.0)
        assert remains(lambda: len(self.told) == before + 1, 0.2)
        assert self.told[-2:-1] != [State.LOST]
        assert self.client.client_state is KeeperState.CLOSED

    def _is_quiet(self) -> bool:
        last = {ear.last or State.CONNECTED for ear in self.ears}
        return self.client.connected and last == {State.CONNECTED} and len(self._counts()) == 1

    def _counts(self) -> set[int]:
        return {len(ear.values) for ear in self.ears}

    def _session(self) -> int:
        identity = self.client.client_id
        return identity[0] if identity else 0


def rage(storm: Storm, chance: random.Random, *, longest: float) -> None:
    """Let a few faults come, each for some time, and end."""
    for _ in range(chance.randint(1, 4)):
        chance.choice(storm.faults())()
        remains(lambda: True, chance.choice((0.0, 0.02, 0.2, longest)))
        if chance.random() < 0.3:
            storm.heal()
    storm.heal()


class NetworkStorm:
    """What a proxy can do, sessions that end from outside, and a server that is killed or frozen."""

    def __init__(self, clients: list[Client], proxy: FaultProxy, server: RealServer) -> None:
        self._clients = clients
        self._proxy = proxy
        self._server = server

    def faults(self) -> list[Fault]:
        proxy = self._proxy
        return [
            proxy.cut,
            lambda: proxy.cut(rst=True),
            proxy.black_hole,
            lambda: proxy.one_way("to_client"),
            lambda: proxy.one_way("to_server"),
            proxy.hold,
            proxy.half_open,
            proxy.refuse,
            proxy.turn_away,
            lambda: proxy.cut_on(of_kind(Kind.CONNECT_RESPONSE), "before", times=2),
            lambda: proxy.cut_on(of_kind(Kind.CONNECT_RESPONSE), "after", times=2),
            self._expire,
            self._server.kill,
            self._pause,
        ]

    def heal(self) -> None:
        if self._server.is_running:
            self._server.resume()
        else:
            self._server.start()
        self._proxy.heal()

    def _expire(self) -> None:
        if self._server.is_running and not self._server.is_paused:
            for client in self._clients:
                expire(self._server.port, client.client_id)

    def _pause(self) -> None:
        if self._server.is_running:
            self._server.pause()


@pytest.mark.at_once
@pytest.mark.parametrize("seed", [14, 1414])
def test_r14_the_states_told_under_random_faults_of_one_server_are_those_that_may_follow(
    own_real_server: RealServer,
    proxy_to: Callable[[int], FaultProxy],
    makers: list[Connect],
    seed: int,
) -> None:
    chance = random.Random(seed)
    proxy = proxy_to(own_real_server.port)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(make(proxy.address, TIMEOUT)) for make in makers]
        witnesses = [Witness(client) for client in clients]
        storm = NetworkStorm(clients, proxy, own_real_server)

        for _ in range(ROUNDS):
            rage(storm, chance, longest=TIMEOUT * 1.5)
            for witness in witnesses:
                witness.take_note()

        for witness in witnesses:
            assert {State.SUSPENDED, State.LOST} <= {*witness.told}
            witness.check_the_end()


class EnsembleStorm:
    """What befalls the members of an ensemble, and the connection to one of them."""

    def __init__(
        self, ensemble: Ensemble, chance: random.Random, proxies: list[FaultProxy]
    ) -> None:
        self._ensemble = ensemble
        self._chance = chance
        self._proxies = proxies
        self._is_whole = True

    def faults(self) -> list[Fault]:
        if not self._is_whole:  # two members at once are no quorum, and nothing happens then
            return [self._cut]
        ensemble = self._ensemble
        member = self._chance.choice(ensemble.members)
        harms: list[Fault] = [
            member.kill,
            member.pause,
            partial(self._do_to_leader, Member.kill),
            partial(self._do_to_leader, Member.pause),
            lambda: ensemble.isolate(member),
            lambda: ensemble.isolate(ensemble.leader),
            ensemble.rolling_restart,
        ]
        return [partial(self._harm, harm) for harm in harms]

    def heal(self) -> None:
        self._ensemble.heal()
        self._is_whole = True

    def _harm(self, harm: Fault) -> None:
        harm()
        self._is_whole = False

    def _do_to_leader(self, harm: Callable[[Member], None]) -> None:
        harm(self._ensemble.leader)

    def _cut(self) -> None:
        for proxy in self._proxies:
            proxy.cut(rst=self._chance.random() < 0.5)


def test_r14_the_states_told_under_random_faults_of_an_ensemble_are_those_that_may_follow(
    ensemble: Ensemble, proxy_to: Callable[[int], FaultProxy]
) -> None:
    chance = random.Random(14)
    proxies = [proxy_to(member.port) for member in ensemble.members]
    with contextlib.ExitStack() as stack:
        addresses = [",".join(proxy.address for proxy in proxies), *(p.address for p in proxies)]
        clients = [stack.enter_context(Client(address, 4.0)) for address in addresses]
        witnesses = [Witness(client) for client in clients]
        storm = EnsembleStorm(ensemble, chance, proxies)

        for _ in range(max(1, ROUNDS // 3)):
            rage(storm, chance, longest=1.0)
            for witness in witnesses:
                witness.take_note()

        assert any(State.SUSPENDED in witness.told for witness in witnesses)
        for witness in witnesses:
            witness.check_the_end()


def test_r14_a_session_that_was_ended_from_outside_is_told_lost_once(
    connect: Connect, real_server: RealServer
) -> None:
    client = connect()
    states, identity = States(client), client.client_id
    expire(real_server.port, identity)

    states.wait_for(State.SUSPENDED, State.LOST, State.CONNECTED, bound=5.0)

    assert states.values == [State.SUSPENDED, State.LOST, State.CONNECTED]
    assert client.client_id != identity


def test_r14_another_session_than_the_one_asked_for_is_told_as_one(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect()
    client.create("/mine", ephemeral=True)
    states, identity = States(client), client.client_id
    assert identity is not None
    # The server is asked for a new session, and hands one out: the client did not ask for that.
    network.rewrite(
        of_kind(Kind.CONNECT_REQUEST),
        lambda hello: hello.replace(struct.pack(">q", identity[0]), bytes(8), 1),
        times=1,
    )

    network.cut()
    states.wait_for(State.SUSPENDED, State.LOST, State.CONNECTED, bound=5.0)

    assert states.values == [State.SUSPENDED, State.LOST, State.CONNECTED]
    assert client.client_id != identity


def test_r14_a_session_that_is_taken_up_again_is_not_told_lost(
    connect: Connect, network: FaultProxy
) -> None:
    client = connect()
    states, identity = States(client), client.client_id

    for times in range(1, 6):
        network.cut(rst=True)
        wait_until(lambda times=times: len(states.values) == 2 * times, 5.0)  # type: ignore[misc]

    assert states.values == [State.SUSPENDED, State.CONNECTED] * 5
    assert client.client_id == identity


def test_r14_an_identity_that_is_refused_ends_in_lost_for_good(connect: Connect) -> None:
    client = connect()
    states = States(client)

    with contextlib.suppress(AuthFailedError):
        client.add_auth("nobody-knows-this-scheme", "u:p")

    wait_until(lambda: client.client_state is KeeperState.AUTH_FAILED, 5.0)
    wait_until(lambda: states.last is State.LOST, 5.0)
    assert remains(lambda: states.values == [State.LOST], 0.3)


def test_r14_each_start_begins_the_sequence_anew(connect: Connect) -> None:
    client = connect()
    states = States(client)

    for _ in range(3):
        client.stop()
        client.start()

    states.wait_for(State.CONNECTED, bound=2.0)
    assert states.values == [State.LOST, State.CONNECTED] * 3
