"""What goes wrong, at times and for as long as chance says; all of it ends with the act."""

from collections.abc import Callable

from tests.simulation.chance import Chance
from tests.simulation.client import SimulatedClient
from tests.simulation.driver import World
from tests.simulation.network import Door
from tests.simulation.server import SimulatedServer


class Faults:
    """Breaks things. `may_lose` says whether the server may lose what it acknowledged."""

    def __init__(
        self,
        world: World,
        server: SimulatedServer,
        chance: Chance,
        clients: list[SimulatedClient],
        timeout: float,
        *,
        may_lose: bool,
    ) -> None:
        self._world = world
        self._server = server
        self._chance = chance
        self._clients = clients
        self._timeout = timeout
        self._kinds: list[tuple[float, Callable[[], None]]] = [
            (6, self._cut),
            (4, self._ambush),
            (4, self._tamper),
            (2, self._vanish),
            (2, self._black_hole),
            (2, self._one_way),
            (2, self._refuse),
            (2, self._slow),
            (2, self._drip),
            (1, self._double),
            (1, self._lose_ends),
            (2, self._expire),
            (1.5, self._pause_server),
            (1.5, self._kill_server),
            (1.5, self._pause_client),
            (0.7, self._close_client),
            (0.7, self._move_client),
        ]
        if may_lose:
            self._kinds += [(0.7, self._empty_server), (0.7, self._go_back)]

    def strike(self) -> None:
        """Let something go wrong."""
        self._chance.weighted(self._kinds)()

    def heal(self) -> None:
        """End all that is wrong."""
        self._world.story.tell("network", "HEALS")
        if self._server.core is None:
            self._server.restart()
        self._server.resume()
        self._world.network.heal()
        for client in self._clients:
            client.resume()
            client.driver.callback_delay = 0.002
            client.reopen()

    def _duration(self) -> float:
        most = self._chance.weighted(((4, 0.5), (3, self._timeout), (2, 2.5 * self._timeout)))
        return self._chance.between(0.0, most)

    def _later(self, call: Callable[[], object]) -> None:
        self._world.clock.after(self._duration(), call)

    # --- of connections

    def _client(self) -> SimulatedClient:
        return self._chance.one_of(self._clients)

    def _cut(self) -> None:
        line = self._client().driver.line
        if line is not None:
            self._world.story.fault("cut", line.name)
            line.cut("the network was cut")

    def _ambush(self) -> None:
        network = self._world.network
        if not network.ambushes:
            self._world.story.fault("ambush", "network")
        network.ambushes += self._chance.number(1, 3)
        if self._chance.happens(0.5):
            self._cut()

    def _tamper(self) -> None:
        line = self._client().driver.line
        if line is not None:
            self._world.network.tamper(line, self._chance.number(0, 3))

    def _vanish(self) -> None:
        line = self._client().driver.line
        if line is not None:
            self._world.story.fault("half-open", line.name)
            line.vanish()

    # --- of ways to the server

    def _doors(self) -> list[Door]:
        doors = list(self._world.network.doors.values())
        return doors if self._chance.happens(0.6) else [self._chance.one_of(doors)]

    def _break_doors(self, what: str, *traits: str) -> None:
        doors = self._doors()
        self._world.story.fault(what, ",".join(door.endpoint.host for door in doors))
        for door in doors:
            for trait in traits:
                setattr(door, trait, True)

        def mend() -> None:
            for door in doors:
                for trait in traits:
                    setattr(door, trait, False)
            self._world.story.tell("network", f"no more: {what}")
            self._world.network.flow()

        self._later(mend)

    def _black_hole(self) -> None:
        self._break_doors("black hole", "is_deaf", "is_mute")

    def _one_way(self) -> None:
        if self._chance.happens(0.5):
            self._break_doors("deaf", "is_deaf")
        else:
            self._break_doors("mute", "is_mute")

    def _refuse(self) -> None:
        self._break_doors("refusing", "is_refusing")
        if self._chance.happens(0.5):
            self._cut()

    def _drip(self) -> None:
        self._break_doors("dripping", "drips")

    def _double(self) -> None:
        self._break_doors("doubling", "doubles")
        self._cut()

    def _lose_ends(self) -> None:
        self._break_doors("losing ends", "loses_ends")

    def _slow(self) -> None:
        doors = self._doors()
        most = self._chance.one_of((0.02, 0.2, 1.0))
        self._world.story.fault("slow", ",".join(door.endpoint.host for door in doors), most)
        usual = Door(doors[0].endpoint).delay
        for door in doors:
            door.delay = (0.0, most)

        def mend() -> None:
            for door in doors:
                door.delay = usual

        self._later(mend)

    # --- of the server

    def _expire(self) -> None:
        session_id = self._client().driver.session.identity.session_id
        if session_id and self._server.core is not None and not self._server.is_paused:
            self._world.story.fault("session expired", "server", hex(session_id))
            self._server.expire(session_id)

    def _pause_server(self) -> None:
        if self._server.core is not None and not self._server.is_paused:
            self._world.story.fault("server paused", "server")
            self._server.pause()
            self._later(self._server.resume)

    def _kill(self, what: str) -> bool:
        if self._server.core is None:
            return False
        self._world.story.fault(what, "server")
        self._server.kill()
        return True

    def _after_kill(self, start: Callable[[], None]) -> None:
        def come_back() -> None:
            if self._server.core is None:
                self._world.story.tell("server", "starts")
                start()

        self._later(come_back)

    def _kill_server(self) -> None:
        if self._kill("server killed"):
            self._after_kill(self._server.restart)

    def _empty_server(self) -> None:
        if self._kill("server lost everything"):
            self._server.restart_empty(zxid_goes_on=self._chance.happens(0.5))

    def _go_back(self) -> None:
        length = self._server.truth.length
        least = len(self._server.base) + 1
        if length > least and self._kill("server went back"):
            self._server.restart_from_backup(self._chance.number(least, length))

    # --- of clients

    def _pause_client(self) -> None:
        client = self._client()
        if client.is_running:
            self._world.story.fault("client paused", client.name)
            client.pause()
            self._later(client.resume)

    def _close_client(self) -> None:
        client = self._client()
        client.close()
        self._later(client.reopen)

    def _move_client(self) -> None:
        client = self._client()
        self._world.story.fault("other servers", client.name)
        client.move(client.endpoints)
