"""What faults do to a server as a whole."""

from dataclasses import dataclass

from zc.zk.errors import ArgumentError
from zc.zk.server.effects import Effect, Patient


class HalfOpen(Effect):
    """The server forgets its connections, and their peers hear nothing of it, nor of anything."""

    name = "half_open"
    is_for_requests = False
    lasts = True

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Abandon the connections."""
        victims = list(server.victims(session_id))
        for victim in victims:
            victim.abandon()
        return len(victims)

    def end(self, server: Patient, now: float) -> None:
        """End the abandoned connections."""
        server.let_go()


class DropConnections(Effect):
    """The connections end; their sessions live on."""

    name = "drop_connections"
    is_for_requests = False

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """End the connections."""
        victims = list(server.victims(session_id))
        for victim in victims:
            victim.close()
        return len(victims)


class Expire(Effect):
    """The sessions end, as if their time had run out."""

    name = "expire"
    is_for_requests = False

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """End the sessions."""
        return server.expire_all(session_id, now)


class Refuse(Effect):
    """Nobody can connect; who is connected stays."""

    name = "refuse"
    is_for_requests = False
    lasts = True

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Stop listening."""
        server.refuse_connections(is_refusing=True)
        return 1

    def end(self, server: Patient, now: float) -> None:
        """Listen again."""
        server.refuse_connections(is_refusing=False)


class ReadOnly(Effect):
    """The server takes no writes, as one that has lost its ensemble."""

    name = "read_only"
    is_for_requests = False
    lasts = True

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Take no more writes."""
        server.go_read_only(is_read_only=True, now=now)
        return 1

    def end(self, server: Patient, now: float) -> None:
        """Take writes again."""
        server.go_read_only(is_read_only=False, now=now)


@dataclass(frozen=True, slots=True)
class Restart(Effect):
    """All connections end, and the time-outs of sessions begin anew; or all is forgotten."""

    name = "restart"
    is_for_requests = False
    wipe: bool = False

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Be as after a restart."""
        server.restart(now, wipe=self.wipe)
        return 1


@dataclass(frozen=True, slots=True)
class GoBack(Effect):
    """All connections end, and the server's last zxid is so many smaller; the data stay."""

    name = "go_back"
    is_for_requests = False
    zxids: int = 1

    def __post_init__(self) -> None:
        if self.zxids < 1:
            raise ArgumentError(f"a server goes back by 1 zxid or more, not {self.zxids}")

    def begin(self, server: Patient, session_id: int | None, now: float) -> int:
        """Go back."""
        server.go_back(self.zxids)
        return 1
