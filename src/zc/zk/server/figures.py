"""What is counted and remembered of one connection, for those who ask how it does."""

from zc.zk.server.latency import Latency


class Figures:
    """Packets, the last request, and how long answers took; `asked_at` is when bytes last came."""

    __slots__ = ("asked_at", "latency", "opcode", "received", "sent", "unmeasured", "xid", "zxid")

    def __init__(self, now: float) -> None:
        self.asked_at = now
        self.latency = Latency()
        self.unmeasured = 0
        self.reset()

    def reset(self) -> None:
        """Let everything begin anew, as if nothing had been asked."""
        self.received = self.sent = 0
        self.opcode: int | None = None
        self.xid = 0
        self.zxid = -1
        self.latency.reset()

    def count_request(self) -> None:
        """Take note of a packet that came in."""
        self.received += 1
        self.unmeasured += 1

    def measure(self, now: float, latency: Latency) -> None:
        """Take note, in another latency too, that what was asked for is answered."""
        if self.unmeasured:
            elapsed = now - self.asked_at
            self.latency.add(elapsed, self.unmeasured)
            latency.add(elapsed, self.unmeasured)
            self.unmeasured = 0
