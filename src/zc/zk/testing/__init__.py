"""An embedded ZooKeeper for tests: start it in this process, and do to it what befalls servers."""

from zc.zk.server.settings import Settings
from zc.zk.server.tls import ServerTLS, TLSError
from zc.zk.testing.clock import VirtualClock
from zc.zk.testing.faults import FaultHandle, Faults, Script
from zc.zk.testing.server import Server

__all__ = [
    "FaultHandle",
    "Faults",
    "Script",
    "Server",
    "ServerTLS",
    "Settings",
    "TLSError",
    "VirtualClock",
]
