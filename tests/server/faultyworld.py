"""A server in memory that has faults."""

from typing import Any

from tests.server.conversation import PASSWORD, Peer, World
from tests.server.wireclient import split_frames
from zc.zk.server.conditions import Conditions
from zc.zk.server.effects import Effect
from zc.zk.server.faults import Fault, Faults
from zc.zk.server.faulty import FaultyCore
from zc.zk.server.settings import Settings


class FaultyWorld(World):
    """A world whose server faults can befall."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        self.faults = Faults()
        self.patient = FaultyCore(
            self.faults, self.settings, self.now, 1e9, lambda count: PASSWORD[:count]
        )
        self.core = self.patient

    def befall(self, effect: Effect, **when: Any) -> Fault:
        """Set a fault; Any: the conditions have types of their own."""
        fault = Fault(effect, Conditions(**when))
        self.faults.add(fault, self.patient, self.zxid, self.now)
        return fault

    def lift(self, fault: Fault) -> None:
        """End a fault."""
        self.faults.lift(fault, self.patient, self.now)
        self.patient.release(self.now)

    def hear(self, peer: Peer) -> list[bytes]:
        """Give the frames that a network would send to a peer now."""
        frames: list[bytes] = []
        for link in self.core.take_ready():
            if link is peer.link:
                frames += split_frames(link.data_to_send())
        return frames
