"""A client that does all that clients do, as chance says, and is judged for it."""

import itertools
from collections.abc import Callable
from typing import Any

from tests.simulation.chance import Chance
from tests.simulation.driver import Driver, Running, World, is_closed
from tests.simulation.model import Judge, Question
from tests.simulation.network import Line
from tests.simulation.truth import Truth
from tests.simulation.vigil import Vigil
from tests.simulation.watching import Left, Standing, Watching
from zc.zk.codes import AddWatchMode, CreateFlag, State, WatcherType
from zc.zk.errors import ZooKeeperError
from zc.zk.operations import (
    AddWatch,
    Check,
    Create,
    Create2,
    Delete,
    Exists,
    GetChildren,
    GetChildren2,
    GetData,
    GetEphemerals,
    Multi,
    MultiRead,
    Operation,
    RemoveWatches,
    SetData,
    Sync,
)
from zc.zk.plans import Plan
from zc.zk.protocol.ensemble import Endpoint
from zc.zk.protocol.live import Live, LiveChildren, LiveData
from zc.zk.protocol.requests import NEVER
from zc.zk.protocol.states import Phase, Settings, StateChange
from zc.zk.recipes.outcomes import protected, surely
from zc.zk.registry.servers import Registration
from zc.zk.security import OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

DATA = ("/data/0", "/data/1")
COUNTERS = ("/counters/0", "/counters/1")
COMES_AND_GOES = "/temporary"
LIST = "/list"
BASE = ("/data", *DATA, "/counters", *COUNTERS, LIST, "/writes", "/ephemeral", "/seq", "/servers")
_ACLS = (tuple(OPEN_ACL_UNSAFE), tuple(READ_ACL_UNSAFE))
_WITHIN = ((2, 0.3), (3, 2.0), (3, 10.0), (2, NEVER))  # seconds, with weights
_MOST_LEFT = 40


class SimulatedClient:
    """One client, from its start to its end or to the end of the world."""

    def __init__(
        self,
        world: World,
        name: str,
        chance: Chance,
        truth: Truth,
        settings: Settings,
        endpoints: tuple[Endpoint, ...],
        registered: tuple[str, ...],
    ) -> None:
        self.name = name
        self.chance = chance
        self.endpoints = endpoints
        self.judge = Judge(name, truth, world.story, world.clock)
        self.watching = Watching(self.judge)
        self.vigil = Vigil(self.judge)
        self.driver = _Driver(world, name, chance.child(), settings, endpoints, self)
        self.registrations = [
            Registration(path, b"", chance.one_of(_ACLS), lambda: 0.0, lambda: None)
            for path in registered
        ]
        self.wanted: dict[str, bytes] = {}
        self.registered_data: set[bytes] = set()
        self._keepers: list[Running] = []
        self._plans: dict[Running, None] = {}
        self._numbers = itertools.count(1)
        self._made: list[str] = []  # nodes that nobody else deletes
        self._world = world
        self._acts: tuple[tuple[float, Callable[[], None]], ...] = (
            (4, self._write),
            (2, self._count),
            (4, self._make),
            (2, self._remove),
            (2, self._transact),
            (1, self._change_list),
            (1, self._come_or_go),
            (5, self._read),
            (4, self._leave_watch),
            (1.0, self._stand),
            (0.3, self._unwatch),
            (3, self._make_sure),
            (1.5, self._want),
            (0.3, self._follow_another),
            (0.2, self._drop_one),
        )

    def start(self) -> None:
        """Begin: follow nodes, keep registrations."""
        session = self.driver.session
        for path in (*DATA, COMES_AND_GOES):
            self.watching.follow(LiveData(session, path))
        for path in (LIST, COMES_AND_GOES, "/servers"):
            self.watching.follow(LiveChildren(session, path))
        self.vigil.begin(self.driver)
        self.driver.start()
        for each in self.registrations:
            self.wanted[each.path] = b""
        self._keep()

    def _keep(self) -> None:
        self._keepers = [
            Running(self.driver, each.keep(), self._kept) for each in self.registrations
        ]

    def _kept(self, result: object) -> None:
        if isinstance(result, ZooKeeperError):
            self.judge.check(is_closed(result), "a registration is kept no more", result)

    def told(self, change: StateChange) -> None:
        """Take a change of state."""
        self.watching.gaps += 1
        if change.state is State.LOST:
            self.watching.restarts += 1
        self.vigil.changed(change)

    # --- what happens to it

    @property
    def is_running(self) -> bool:
        """Whether it can be asked for something."""
        session = self.driver.session
        return not (self.driver.is_dead or self.driver.is_paused or session.phase.is_ending)

    def act(self) -> None:
        """Do something."""
        if self.is_running:
            self.chance.weighted(self._acts)()
            self.driver.turn()

    def pause(self) -> None:
        """Stop the process for a while."""
        self.judge.is_excused = self.vigil.is_excused = True
        self.driver.pause()

    def resume(self) -> None:
        """Let the process go on."""
        if self.driver.is_paused:
            self.vigil.resumes(self.driver.world.clock.now)
            self.driver.resume()
            self.vigil.resumed()
            self.judge.is_excused = False

    def close(self) -> None:
        """End the session; `reopen` goes on."""
        if self.is_running:
            self._world.story.fault("client closed", self.name)
            self.driver.stop()

    def reopen(self) -> None:
        """Start again after the end of a session, if that is what happened."""
        if self.driver.session.phase is Phase.STOPPED and not self.driver.is_dead:
            self.judge.check(not self.judge.open, "R25: closed, and something has no outcome")
            self.vigil.is_excused = False
            self.driver.start()
            self._keep()

    def move(self, doors: tuple[Endpoint, ...]) -> None:
        """Take another list of servers."""
        if self.is_running:
            count = self.chance.number(1, len(doors))
            start = self.chance.number(0, len(doors) - 1)
            self.driver.move([doors[(start + each) % len(doors)] for each in range(count)])

    # --- what it asks for

    def _token(self) -> bytes:
        return f"{self.name}.{next(self._numbers)}".encode()

    def _ask(
        self, operation: Operation[Any], then: Callable[[Any], None] = lambda _: None
    ) -> Question:
        within = self.chance.weighted(_WITHIN)
        now = self._world.clock.now
        fail_fast = self.chance.happens(0.05)
        question = Question(self.judge, operation, now + within, then, fail_fast=fail_fast)
        self.judge.ask(question)
        self.driver.submit(question)
        return question

    def _write(self) -> None:
        for _ in range(self.chance.number(1, 3)):
            self._ask(SetData(self.chance.one_of(DATA), self._token()))

    def _count(self) -> None:
        path = self.chance.one_of(COUNTERS)

        def write(answer: tuple[bytes, Any]) -> None:
            version = answer[1].version
            self.driver.post(lambda: self._ask_later(SetData(path, self._token(), version)))

        self._ask(GetData(path), write)

    def _ask_later(self, operation: Operation[Any]) -> None:
        if self.is_running:
            self._ask(operation)

    def _make(self) -> None:
        token = self._token()
        name = token.decode()
        kind = self.chance.number(0, 3)
        if kind == 0:
            self._ask(Create(f"/ephemeral/{name}", token, flags=CreateFlag.EPHEMERAL))
        elif kind == 1:
            self._ask(Create2("/seq/n-", token, flags=CreateFlag.SEQUENTIAL))
        elif kind == 2:
            flags = CreateFlag.SEQUENTIAL | CreateFlag.EPHEMERAL
            self._ask(Create("/seq/e-", token, flags=flags))
        else:
            self._ask(Create(f"/writes/{name}", token), self._made.append)

    def _remove(self) -> None:
        if self._made:
            self._ask(Delete(self._made.pop()))

    def _transact(self) -> None:
        parts: list[Operation[Any]] = [
            SetData(self.chance.one_of(DATA), self._token()),
            Create(f"/writes/{next(self._numbers)}.{self.name}", self._token()),
            SetData(self.chance.one_of(COUNTERS), self._token()),
        ]
        if self.chance.happens(0.3):
            parts.insert(1, Check(COMES_AND_GOES))
        self._ask(Multi(tuple(parts)))

    def _change_list(self) -> None:
        names = sorted(self.judge.truth.names_at(LIST) or ())
        if len(names) > 3 or (names and self.chance.happens(0.4)):
            self._ask(Delete(f"{LIST}/{self.chance.one_of(names)}"))
        else:
            token = self._token()
            self._ask(Create(f"{LIST}/{token.decode()}", token))

    def _come_or_go(self) -> None:
        if COMES_AND_GOES in self.judge.truth.nodes:
            self._ask(Delete(COMES_AND_GOES))
        else:
            self._ask(Create(COMES_AND_GOES, self._token()))

    def _read(self) -> None:
        path = self.chance.one_of((*DATA, *COUNTERS, COMES_AND_GOES))
        operations: tuple[Operation[Any], ...] = (
            GetData(path),
            Exists(path),
            GetChildren(LIST),
            GetChildren2("/servers"),
            MultiRead((GetData(path), GetChildren(LIST), GetData(COMES_AND_GOES))),
            Sync(path),
            GetEphemerals("/"),
        )
        for _ in range(self.chance.number(1, 4)):
            self._ask(self.chance.one_of(operations))

    # --- what it watches

    def _leave_watch(self) -> None:
        if len(self.watching.lefts) > _MOST_LEFT:
            return
        path = self.chance.one_of((*DATA, *COUNTERS, COMES_AND_GOES))
        kind = self.chance.number(0, 2)
        if kind == 2:
            path = self.chance.one_of((LIST, "/servers", COMES_AND_GOES))
        left = Left(self.watching, path, is_data=kind < 2)
        operation: Operation[Any] = (GetData, Exists, GetChildren)[kind](path, left)
        question = Question(
            self.judge,
            operation,
            self._world.clock.now + self.chance.weighted(_WITHIN),
            lambda answer: self.watching.asked(left, operation, answer, question.begun),
        )
        self.judge.ask(question)
        self.driver.submit(question)

    def _stand(self) -> None:
        if len(self.watching.standing) >= 3:
            return
        path = self.chance.one_of((*DATA, LIST, COMES_AND_GOES, "/ephemeral", "/data", "/"))
        is_recursive = self.chance.happens(0.5) or path == "/"
        if any(each.path == path for each in self.watching.standing):
            return
        standing = Standing(self.watching, path, is_recursive=is_recursive)
        mode = AddWatchMode.PERSISTENT_RECURSIVE if is_recursive else AddWatchMode.PERSISTENT

        def stands(_: object) -> None:
            standing.armed_at = self.judge.truth.count
            self._world.story.count("watch that stands")

        self.watching.standing.append(standing)
        self._ask(AddWatch(path, standing, mode), stands)

    def _unwatch(self) -> None:
        if self.watching.standing:
            standing = self.watching.standing.pop()
            standing.is_removed = True
            self._ask(RemoveWatches(standing.path, WatcherType.ANY))

    def _follow_another(self) -> None:
        session = self.driver.session
        path = self.chance.one_of((*COUNTERS, COMES_AND_GOES))
        live: Live = LiveData(session, path)
        if self.chance.happens(0.5):
            live = LiveChildren(session, path)
        if len(self.watching.lives) < 12:
            self.watching.follow(live)

    def _drop_one(self) -> None:
        if len(self.watching.lives) > 8:
            self.watching.lives.pop().drop()

    # --- plans

    def _make_sure(self) -> None:
        token = self._token()
        kind = self.chance.number(0, 3)
        if kind == 0:
            path = f"/ephemeral/{token.decode()}"
            self._settle(Create(path, token, flags=CreateFlag.EPHEMERAL))
        elif kind == 1 and self._made:
            self._settle(Delete(self._made.pop()))
        elif kind == 2:
            path = self.chance.one_of(COUNTERS)
            node = self.judge.truth.nodes.get(path)
            if node is not None:
                self._settle(SetData(path, token, node.version))
        else:
            path = protected("/seq/p-", token.decode())
            flags = self.chance.one_of((CreateFlag.SEQUENTIAL, CreateFlag.SEQUENTIAL | 1))
            self._settle(Create(path, token, flags=CreateFlag(flags)), is_protected=True)

    def _settle(self, operation: Operation[Any], *, is_protected: bool = False) -> None:
        begun = self.judge.truth.count
        self._world.story.tell(self.name, "makes sure of", operation)

        def ended(result: Any) -> None:
            self._world.story.tell(self.name, "has settled", operation, result)
            self._world.story.count("unknown outcome looked into")
            if isinstance(result, Exception):
                self.judge.failed(operation, result)
            elif not self.judge.truth.losses:
                self._judge_late(operation, begun)

        plan: Plan[Any] = surely(operation, is_protected=is_protected)
        Running(self.driver, plan, ended, self._world.clock.now + self.chance.weighted(_WITHIN))

    def _judge_late(self, operation: Operation[Any], begun: int) -> None:
        # The plan may have ended some time ago: only that it was done, and once, can be told.
        truth = self.judge.truth
        if isinstance(operation, Delete):
            times = truth.deleted.get(operation.path, [])
        else:
            times = truth.written.get(getattr(operation, "data", b""), [])
        done = [each for each in times if each > begun]
        self.judge.check(len(done) == 1, "R11: made sure, and not done once", operation, len(done))

    # --- registrations

    def _want(self) -> None:
        if not self.registrations:
            return
        registration = self.chance.one_of(self.registrations)
        if not registration.is_wanted:
            return
        if self.chance.happens(0.05):
            registration.withdraw()
            self._world.story.tell(self.name, "withdraws", registration.path)
        else:
            data = self.wanted[registration.path] = self._token()
            self.registered_data.add(data)
            registration.want(data)
            self._world.story.tell(self.name, "wants", registration.path)

    # --- when all has healed

    def check(self) -> None:
        """Check what must be true a second after all has healed."""
        self.watching.check()
        self.vigil.check()
        truth = self.judge.truth
        session_id = self.driver.session.identity.session_id
        for each in self.registrations:
            node = truth.nodes.get(each.path)
            found = node and (node.owner, node.data)
            wanted = (session_id, self.wanted[each.path]) if each.is_wanted else None
            self.judge.check(
                found == wanted, "R9: not registered as wanted", each.path, found, wanted
            )
            self.judge.check(each.is_settled, "R9: a registration is not settled", each.path)


class _Driver(Driver):
    """Tells the client's vigil of what arrives."""

    def __init__(
        self,
        world: World,
        name: str,
        chance: Chance,
        settings: Settings,
        endpoints: tuple[Endpoint, ...],
        client: SimulatedClient,
    ) -> None:
        self._client = client
        super().__init__(world, name, chance, settings, endpoints, client.told)

    def arrived(self, line: Line, data: bytes) -> None:
        if line is self.line and not self.is_paused:
            self._client.vigil.heard(line)
        super().arrived(line, data)
