"""The faults that a server has or will have."""

from collections.abc import Callable, Iterator
from enum import Enum

from zc.zk.errors import ArgumentError
from zc.zk.server.conditions import Conditions, Request
from zc.zk.server.effects import Effect, Patient


class Phase(Enum):
    """How far a fault is."""

    TO_COME = "to come"
    THERE = "there"
    OVER = "over"


class Fault:
    """An effect under conditions. `count` says how often it happened, `told` is called each time."""

    def __init__(
        self, effect: Effect, conditions: Conditions, told: Callable[[], None] | None = None
    ) -> None:
        if not effect.is_for_requests:
            for name in ("operation", "path", "times"):
                if getattr(conditions, name) is not None:
                    raise ArgumentError(f"{effect.name} is not for single requests: no {name}")
        self.effect = effect
        self.conditions = conditions
        self.phase = Phase.TO_COME
        self.count = 0
        self.starts_at: float | None = None  # None once that time has come
        self.starts_at_zxid = 0
        self.ends_at: float | None = None
        self._told = told
        self._operations = conditions.operations(effect.usual_operation)
        self._to_skip = conditions.skip
        self._left = effect.usual_times if conditions.times is None else conditions.times

    @property
    def is_there(self) -> bool:
        """Whether it can happen now."""
        return self.phase is Phase.THERE

    @property
    def is_over(self) -> bool:
        """Whether it will not happen any more, and holds nothing."""
        return self.phase is Phase.OVER

    @property
    def is_used_up(self) -> bool:
        """Whether it has befallen all the requests that it was for."""
        return self._left == 0

    @property
    def mutes_all(self) -> bool:
        """Whether nothing may be sent on the connections it is for."""
        return (
            self.is_there
            and self.effect.mutes
            and self.conditions.path is None
            and self.conditions.operation in {None, "any"}
        )

    def takes(self, request: Request) -> bool:
        """Say whether it befalls a request, and count it."""
        if not self.is_there or self.is_used_up or request.operation not in self._operations:
            return False
        if not self.conditions.cover(request):
            return False
        if self._to_skip:
            self._to_skip -= 1
            return False
        if self._left is not None:
            self._left -= 1
        self.note(1)
        return True

    def note(self, count: int) -> None:
        """Take note that it happened."""
        self.count += count
        if count and self._told is not None:
            self._told()


class Faults:
    """All faults of one server; the first that befalls a request is the only one of its kind."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}
        self.are_set = False  # an attribute: it is asked for every frame

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def add(self, fault: Fault, server: Patient | None, zxid: int, now: float) -> None:
        """Let a fault come; one that is due is there at once, if there is a server yet."""
        fault.starts_at = now + fault.conditions.after
        later = fault.conditions.after_writes
        fault.starts_at_zxid = max(fault.conditions.at_zxid, zxid + later if later else 0)
        self._faults[fault] = None
        self.are_set = True
        if server is not None:
            self.update(server, zxid, now)

    def lift(self, fault: Fault, server: Patient | None, now: float) -> None:
        """End a fault, whether it is there yet or not."""
        was_there, fault.phase = fault.is_there, Phase.OVER
        self._faults.pop(fault, None)
        self.are_set = bool(self._faults)
        if was_there and server is not None:
            fault.effect.end(server, now)

    def update(self, server: Patient, zxid: int, now: float) -> bool:
        """Begin and end what is due; say whether any ended."""
        ended = False
        for fault in self:
            if fault.phase is Phase.TO_COME and self._is_due(fault, zxid, now):
                self._begin(fault, server, now)
            if fault.is_there and self._is_done(fault, now):
                self.lift(fault, server, now)
            ended |= fault.is_over
        return ended

    def resume(self, server: Patient, now: float) -> None:
        """Let what lasts befall a server that has just started."""
        for fault in self:
            if fault.is_there and fault.effect.lasts:
                fault.effect.begin(server, fault.conditions.session, now)

    def deadline(self) -> float | None:
        """Return when `update` has something to do, unless a zxid gives it."""
        times = [
            fault.starts_at if fault.phase is Phase.TO_COME else fault.ends_at
            for fault in self._faults
        ]
        return min((each for each in times if each is not None), default=None)

    def holding(self, request: Request) -> Fault | None:
        """Return the fault that holds a request, before any other befalls it."""
        return self._find(request, holds=True)

    def striking(self, request: Request) -> Fault | None:
        """Return the fault that befalls a request."""
        return self._find(request, holds=False)

    def mute(self, session_id: int) -> bool:
        """Say whether nothing may be sent on a connection; one without a session has the id 0."""
        return any(
            fault.mutes_all and fault.conditions.session in {None, session_id}
            for fault in self._faults
        )

    def _find(self, request: Request, *, holds: bool) -> Fault | None:
        for fault in self._faults:
            effect = fault.effect
            if effect.is_for_requests and effect.holds == holds and fault.takes(request):
                return fault
        return None

    @staticmethod
    def _is_due(fault: Fault, zxid: int, now: float) -> bool:
        if fault.starts_at is not None and fault.starts_at <= now:
            fault.starts_at = None
        return fault.starts_at is None and fault.starts_at_zxid <= zxid

    @staticmethod
    def _begin(fault: Fault, server: Patient, now: float) -> None:
        fault.phase = Phase.THERE
        if fault.conditions.lasting is not None:
            fault.ends_at = now + fault.conditions.lasting
        if not fault.effect.is_for_requests:
            fault.note(fault.effect.begin(server, fault.conditions.session, now))

    @staticmethod
    def _is_done(fault: Fault, now: float) -> bool:
        if fault.ends_at is not None and fault.ends_at <= now:
            return True
        if fault.effect.is_for_requests:
            return fault.is_used_up and not fault.effect.holds
        return not fault.effect.lasts
