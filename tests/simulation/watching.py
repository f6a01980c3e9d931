"""What one client watches, and what it must be told."""

from typing import Any

from tests.simulation.model import Judge
from tests.simulation.truth import Happening, Node, Past
from zc.zk.codes import EventType
from zc.zk.operations import Exists, GetChildren, GetData, Operation, Watch
from zc.zk.plans import Change
from zc.zk.protocol.live import Live, LiveChildren, LiveData
from zc.zk.records import WatchedEvent


class Left(Change):
    """A watch that fires once, and what is known of the node when it was left there."""

    __slots__ = ("_watching", "armed", "gaps", "is_data", "is_missing", "losses", "path")

    def __init__(self, watching: "Watching", path: str, *, is_data: bool) -> None:
        super().__init__()
        self.path = path
        self.is_data = is_data
        self.armed: tuple[int, int] | None = (
            None  # the first and the last time that it may have been at
        )
        self.losses = 0
        self.gaps = 0
        self.is_missing = False  # there was no node
        self._watching = watching

    def fire(self, event: WatchedEvent) -> None:
        is_first = self.event is None
        super().fire(event)
        if is_first:
            self._watching.fired(self, event)

    @property
    def past(self) -> Past:
        truth = self._watching.judge.truth
        return truth.data_of(self.path) if self.is_data else truth.names_of(self.path)


class Standing(Watch):
    """A watch that stays."""

    __slots__ = ("_watching", "armed_at", "events", "is_recursive", "is_removed", "path")

    def __init__(self, watching: "Watching", path: str, *, is_recursive: bool) -> None:
        self.path = path
        self.is_recursive = is_recursive
        self.armed_at: int | None = None
        self.is_removed = False
        self.events: list[tuple[int, WatchedEvent]] = []
        self._watching = watching

    def fire(self, event: WatchedEvent) -> None:
        judge = self._watching.judge
        judge.story.tell(judge.name, "is told, by what stands,", event)
        judge.story.count("event of a watch that stands")
        if event.zxid > 0:
            judge.check(self._is_new(event), "an event was told twice", event)
        self.events.append((judge.truth.count, event))

    def _is_new(self, event: WatchedEvent) -> bool:
        # One transaction can do the same to a node several times, such as take children from it.
        truth = self._watching.judge.truth
        times = sum(
            (each.zxid, each.type, each.path) == (event.zxid, event.type, event.path)
            for each in truth.happenings
        )
        told = sum(event == each for count, each in self.events if count > truth.lost_at)
        return told < times

    @property
    def is_removable(self) -> bool:
        return True

    def concerns(self, happening: Happening) -> bool:
        """Say whether it has to be told of something."""
        kind, path = happening.type, happening.path
        if self.is_recursive:
            return kind is not EventType.CHILD and f"{path}/".startswith(f"{self.path}/")
        return path == self.path

    def was_told_of(self, happening: Happening) -> bool:
        """Say whether it was told, or that it may have missed something."""
        for count, event in self.events:
            if count < happening.number:
                continue
            if event.type is EventType.NONE:
                return True
            is_it = event.type is happening.type and event.path == happening.path
            if is_it and event.zxid in (-1, happening.zxid):
                return True
        return False


class Watching:
    """All watches and live nodes of one client."""

    def __init__(self, judge: Judge, earliest_session: int = 0) -> None:
        self.judge = judge
        self.lefts: list[Left] = []
        self.standing: list[Standing] = []
        self.lives: list[Live] = []
        self.restarts = 0  # of sessions
        self.gaps = 0  # between connections
        self._shown: dict[Live, tuple[int, int, int]] = {}
        judge.on_floor = self._check_overtaken

    # --- watches that fire once

    def asked(self, left: Left, operation: Operation[Any], answer: Any, begun: int) -> None:
        """Note that a watch was left by a read."""
        truth = self.judge.truth
        match operation:
            case GetData():
                data, stat = answer
                state: object = Node(
                    data, stat.version, stat.czxid, stat.mzxid, stat.ephemeralOwner
                )
                left.armed = left.past.when(state, begun, truth.count)
            case GetChildren():
                left.armed = left.past.when(frozenset(answer), begun, truth.count)
            case Exists() if answer is None:
                left.is_missing = True
                left.armed = left.past.when(None, begun, truth.count)
            case _:
                left.armed = self.judge.floor, truth.count
        left.losses = truth.losses
        left.gaps = self.gaps
        if left.event is None:
            self.lefts.append(left)
            self.judge.story.count("watch left")

    def fired(self, left: Left, event: WatchedEvent) -> None:
        """Judge an event."""
        judge, truth = self.judge, self.judge.truth
        judge.story.tell(judge.name, "is told", event)
        judge.story.count("event")
        if left in self.lefts:
            self.lefts.remove(left)
        if left.armed is None or event.type is EventType.NONE:
            return
        judge.check(event.path == left.path, "an event of another node", event, left.path)
        if truth.losses == left.losses:
            first, last = left.armed
            is_true = left.past.next_after(first) is not None
            judge.check(is_true, "an event, and nothing happened", event)
            at = truth.zxids.get(event.zxid)
            if at is not None:
                first_after = left.past.next_after(last)
                judge.check(at > first, "an event of the time before", event)
                is_first = first_after is None or at <= first_after
                judge.check(
                    is_first or self._may_be_blind(left), "an earlier event is missing", event
                )
                judge.floor = max(
                    judge.floor, at
                )  # others may be told of the same event in a moment

    def _check_overtaken(self) -> None:
        """Check that no answer overtook an event: whoever sees a change was told of it."""
        judge = self.judge
        for left in self.lefts:
            if left.armed is None or left.losses != judge.truth.losses or self._may_be_blind(left):
                continue
            is_due = self._is_due(left, judge.floor)
            judge.check(not is_due, "an answer overtook an event", left.path)

    def _is_due(self, left: Left, seen: int) -> bool:
        """Say whether a watch should have fired, for a client that has seen so much."""
        changed = left.past.next_after((left.armed or (0, 0))[1])
        if changed is None or changed > seen:
            return False
        return not (self._may_be_blind(left) and left.past.state_at(seen) is None)

    def _may_be_blind(self, left: Left) -> bool:
        # A node that came and went between two connections leaves no trace that a server could tell of.
        return left.is_missing and left.gaps != self.gaps

    # --- live nodes

    def follow(self, live: Live) -> None:
        """Keep a live node current, and judge all that it shows."""
        self.lives.append(live)
        live.on_change = lambda: self._showed(live)
        live.refresh()

    def _showed(self, live: Live) -> None:
        judge = self.judge
        if live.error is not None:
            judge.story.tell(judge.name, f"live {live.path}", live.error)
            return
        judge.story.count("live node changed")
        if isinstance(live, LiveData):
            node = data_shown(live)
            judge.story.tell(judge.name, f"live data of {live.path}:", node)
            judge.saw_node(live.path, node)
            self._check_age(live, node)
        elif isinstance(live, LiveChildren):
            names = names_shown(live)
            judge.story.tell(judge.name, f"live children of {live.path}:", names)
            judge.saw_names(live.path, names)

    def _check_age(self, live: Live, node: Node | None) -> None:
        judge = self.judge
        if node is None:
            return
        before = self._shown.get(live)
        if before is not None and before[1:] == (self.restarts, judge.truth.losses):
            judge.check(node.mzxid >= before[0], "R3: a live node went back", live.path)
        self._shown[live] = node.mzxid, self.restarts, judge.truth.losses

    # --- when all has healed

    def check(self) -> None:
        """Check that nothing was missed, and that what is shown is true."""
        judge, truth = self.judge, self.judge.truth
        for live in self.lives:
            if isinstance(live, LiveData):
                real: object = truth.nodes.get(live.path)
                judge.check(
                    data_shown(live) == real,
                    "R1: live data is stale",
                    live.path,
                    data_shown(live),
                    real,
                )
            elif isinstance(live, LiveChildren):
                real = truth.names_at(live.path)
                judge.check(
                    names_shown(live) == real, "R1: live children are stale", live.path, real
                )
        for left in self.lefts:
            if left.armed is not None and left.losses == truth.losses:
                judge.check(not self._is_due(left, truth.count), "a watch was missed", left.path)
        for each in self.standing:
            if each.armed_at is not None and not each.is_removed:
                self._check_standing(each)

    def _check_standing(self, standing: Standing) -> None:
        judge = self.judge
        for happening in judge.truth.happenings:
            if happening.number > (standing.armed_at or 0) and standing.concerns(happening):
                judge.check(
                    standing.was_told_of(happening),
                    "a watch that stands missed something",
                    standing.path,
                    happening,
                )
        standing.armed_at = judge.truth.count  # all before was checked
        standing.events = standing.events[-50:]


def data_shown(live: LiveData) -> Node | None:
    """Return what live data shows."""
    if live.stat is None or live.data is None:
        return None
    stat = live.stat
    return Node(live.data, stat.version, stat.czxid, stat.mzxid, stat.ephemeralOwner)


def names_shown(live: LiveChildren) -> frozenset[str] | None:
    """Return what live children show."""
    return frozenset(live.names) if live.exists else None
