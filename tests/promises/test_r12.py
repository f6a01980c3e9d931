"""R12: the client itself knows in time when its connection is dead, and when its session must be over."""

import contextlib
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from tests.frames import Frame, reply_to, request
from tests.promises.outsider import Outsider
from tests.promises.told import States
from tests.proxy import FaultProxy
from tests.realserver import RealServer
from tests.servers import AnyServer
from tests.waiting import remains, stretched
from tests.wire import Opcode
from zc.zk import Client, State

pytestmark = pytest.mark.slow

TIMEOUT = 5.0  # seconds
NEVER = float("inf")
LATE = 0.2  # seconds by which LOST may be told late
ProxyTo = Callable[[int], FaultProxy]
FreshChroot = Callable[[AnyServer], str]

DRIP = 0.5  # seconds for a byte


def drip(proxy: FaultProxy) -> None:
    """Send a frame that never ends, a byte now and then."""
    proxy.drip(DRIP)
    proxy.inject(bytes([0, 0, 4, 0]) + bytes(1024))


def half_open(proxy: FaultProxy) -> None:
    """Be silent on what is connected, and have no other server either."""
    proxy.refuse()
    proxy.half_open()


FAULTS: dict[str, Callable[[FaultProxy], None]] = {
    "black hole": FaultProxy.black_hole,
    "nothing to the server": lambda proxy: proxy.one_way("to_server"),
    "nothing to the client": lambda proxy: proxy.one_way("to_client"),
    "half open": half_open,
    "drip": drip,
    "held": FaultProxy.hold,
}


class Patient:
    """A client and the fault that it suffers."""

    def __init__(self, fault: str, proxy: FaultProxy, client: Client) -> None:
        self.fault = fault
        self.proxy = proxy
        self.client = client
        self.states = States(client)
        self.began_at = NEVER

    def suffer(self) -> None:
        """Let the fault begin, between two pings."""
        self.client.exists("/")
        self.began_at = monotonic()
        FAULTS[self.fault](self.proxy)

    @property
    def _answers(self) -> list[Frame]:
        """The complete frames that have reached the client on its first connection."""
        return [
            frame
            for frame in self.proxy.frames
            if frame.connection == 1
            and frame.direction == "to_client"
            and frame.seen_at < self.began_at
        ]

    def last_answer(self) -> float:
        """Give when the last complete frame came."""
        return self._answers[-1].seen_at

    def last_acknowledged(self) -> float:
        """Give when the last request was sent that was answered on the first connection."""
        sent = [f for f in self.proxy.frames if f.connection == 1 and f.direction == "to_server"]
        return sent[len(self._answers) - 1].seen_at


@contextlib.contextmanager
def patients(server: RealServer, proxy_to: ProxyTo) -> Iterator[list[Patient]]:
    """Give a client for each fault."""
    with contextlib.ExitStack() as stack:
        found = []
        for fault in FAULTS:
            proxy = proxy_to(server.port)
            client = stack.enter_context(Client(proxy.address, TIMEOUT))
            stack.callback(proxy.heal)
            found.append(Patient(fault, proxy, client))
        for patient in found:
            patient.suffer()
        yield found


def test_r12_suspended_by_two_thirds_and_lost_at_the_whole_of_the_time_out_in_each_silence(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    with patients(real_server, proxy_to) as found:
        wrong = []
        for patient in found:
            try:
                suspended_at = patient.states.wait_for(State.SUSPENDED, bound=TIMEOUT)
                silence = suspended_at - patient.last_answer()
                assert silence <= stretched(TIMEOUT * 2 / 3)
            except AssertionError as error:
                wrong.append(f"{patient.fault}: {error}")
        for patient in found:
            try:
                lost_at = patient.states.wait_for(State.SUSPENDED, State.LOST, bound=TIMEOUT)
                unheard = lost_at - patient.last_acknowledged()
                assert TIMEOUT - LATE <= unheard <= stretched(TIMEOUT + LATE)
            except AssertionError as error:
                wrong.append(f"{patient.fault}: {error}")

        assert wrong == []


def test_r12_lost_is_told_at_the_time_out_of_a_server_that_is_frozen(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(real_server.port)
    with Client(proxy.address, 2) as client:
        patient = Patient("frozen", proxy, client)
        client.exists("/")
        real_server.pause()
        lost_at = patient.states.wait_for(State.SUSPENDED, State.LOST, bound=5)
        unheard = lost_at - patient.last_acknowledged()
        real_server.resume()

        assert 2 - LATE <= unheard <= stretched(2 + LATE)
        patient.states.wait_for(State.SUSPENDED, State.LOST, State.CONNECTED, bound=5)


def test_r12_pings_keep_a_quiet_session_and_its_node(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    with Client(proxy.address + chroot, 1) as client:
        states = States(client)
        client.create("/mine", ephemeral=True)
        outsider = Outsider(real_server.port, chroot)

        assert remains(lambda: outsider.owner("/mine"), 2.5)
        assert states.values == []


def test_r12_a_session_that_a_server_has_just_taken_up_again_is_not_told_lost(
    real_server: RealServer, proxy_to: ProxyTo, fresh_chroot: FreshChroot
) -> None:
    chroot, proxy = fresh_chroot(real_server), proxy_to(real_server.port)
    with Client(proxy.address + chroot, 4) as client:
        states = States(client)
        client.get("/", watch=lambda _: None)
        identity = client.client_id
        half_open(proxy)
        silent_since = monotonic()
        states.wait_for(State.SUSPENDED, bound=5)
        # The server answers, and is slow then: the watches are armed after the time-out, counted from before, is over.
        proxy.on(request(Opcode.SET_WATCHES), lambda: proxy.delay(0.9))
        proxy.accept()
        armed_at = states.wait_for(State.CONNECTED, bound=5)
        proxy.heal()

        assert armed_at > silent_since + 4
        assert states.values == [State.SUSPENDED, State.CONNECTED]
        assert client.client_id == identity


def test_r12_re_arming_that_takes_longer_than_a_connection_attempt_may_is_not_cut_off(
    real_server: RealServer, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(real_server.port)
    with Client(proxy.address, 4, connect_timeout=0.5) as client:
        states = States(client)
        client.get("/", watch=lambda _: None)
        proxy.on(reply_to(Opcode.SET_WATCHES), lambda: proxy.delay(0.8), times=None)
        proxy.cut()
        states.wait_for(State.SUSPENDED, State.CONNECTED, bound=5)
        proxy.heal()

        assert remains(lambda: states.values == [State.SUSPENDED, State.CONNECTED], 0.5)
