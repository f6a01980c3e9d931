"""Run an ensemble of real Apache ZooKeepers on loopback, and do to it what befalls ensembles."""

import base64
import hashlib
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peernetwork import PeerNetwork
from tests.ports import LOOPBACK, free_port
from tests.realserver import DEBIAN_CLASSPATH, RealServer, ServerError
from tests.waiting import stretched, wait_until

SUPER_USER = "super:over all"
SUPER_DIGEST = base64.b64encode(
    hashlib.sha1(SUPER_USER.encode(), usedforsecurity=False).digest()
).decode()

# Of an ensemble that serves again after a fault; each step of it takes a second or two.
SECONDS_TO_SERVE = 30.0

SETTINGS = {
    "initLimit": "50",
    "syncLimit": "10",  # ticks: after two seconds a leader gives a silent follower up, and conversely
    "standaloneEnabled": "false",  # else nothing can be reconfigured
    "reconfigEnabled": "true",
}
JAVA_OPTIONS = (
    f"-Dzookeeper.DigestAuthenticationProvider.superDigest=super:{SUPER_DIGEST}",
    "-Dzookeeper.fastleader.maxNotificationInterval=400",  # ms, instead of a minute
    "-Dzookeeper.cnxTimeout=1000",  # ms, instead of five seconds, for a member that is not there
    "-Dzookeeper.leaderConnectDelayDuringRetryMs=20",
)


class Member(RealServer):
    """One server of an ensemble; where there is no quorum it does not serve: `launch` it then.

    What it knows of the ensemble by reconfigurations outlives restarts, as its data does.
    """

    def __init__(
        self,
        number: int,
        *,
        is_observer: bool,
        settings: Mapping[str, str],
        java_options: Collection[str],
        classpath: str,
    ) -> None:
        super().__init__(settings=settings, java_options=[*java_options], classpath=classpath)
        # They stand in the line below; the server moves them there in any case.
        del self.settings["clientPort"], self.settings["clientPortAddress"]
        self.number = number
        self.is_observer = is_observer
        if is_observer:
            self.settings["peerType"] = "observer"
        self.peer_ports = (free_port(), free_port())
        role = "observer" if is_observer else "participant"
        ports = ":".join(map(str, self.peer_ports))
        self.line = f"server.{number}={LOOPBACK}:{ports}:{role};{self.address}"

    @property
    def log_folder(self) -> Path:
        """Where the transaction log and the snapshots lie."""
        return self.directory / "data" / "version-2"

    @property
    def epoch(self) -> int:
        """How many leaders had been elected when it last wrote; -1 while it does not serve."""
        with suppress(OSError):
            for line in self.words(b"srvr", patience=0.2).splitlines():
                if line.startswith("Zxid: "):
                    return int(line.split()[1], 16) >> 32
        return -1

    def configure(self) -> None:
        # The server itself has changed the configuration since.
        if not (self.directory / "zoo.cfg").exists():
            self.settings["dynamicConfigFile"] = str(self.directory / "members.cfg")
            super().configure()
        (self.directory / "data" / "myid").write_text(str(self.number))


class Ensemble:
    """Real servers that are one ZooKeeper; `members` are numbered from 1, observers come last.

    `start` returns when all serve.  `settings` are further lines for the configuration of each.
    Whoever adds the identity SUPER_USER with the scheme digest may do everything.
    """

    def __init__(
        self,
        size: int = 3,
        *,
        observers: int = 0,
        read_only_mode: bool = False,
        local_sessions: bool = False,
        settings: Mapping[str, str] | None = None,
        classpath: str = DEBIAN_CLASSPATH,
    ) -> None:
        own = {**SETTINGS, **(settings or {})}
        if local_sessions:
            own |= {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
        options = [*JAVA_OPTIONS, f"-Dreadonlymode.enabled={str(read_only_mode).lower()}"]
        self.members = tuple(
            Member(
                number,
                is_observer=number > size,
                settings=own,
                java_options=options,
                classpath=classpath,
            )
            for number in range(1, size + observers + 1)
        )
        for member in self.members:
            member.files["members.cfg"] = "".join(f"{each.line}\n" for each in self.members)
        self._network: PeerNetwork | None = None

    def __repr__(self) -> str:
        return f"<Ensemble {self.address}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """The connection string that names every member."""
        return ",".join(member.address for member in self.members)

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the processes that run now for this ensemble."""
        network = self._network.processes if self._network else frozenset[int]()
        return network.union(*(member.processes for member in self.members))

    @property
    def log_folders(self) -> list[Path]:
        """Where the transaction logs of the members lie."""
        return [member.log_folder for member in self.members]

    # Who is what

    @property
    def leader(self) -> Member:
        """The member that leads, once there is one.

        One that is cut off believes for two seconds that it still does; the last elected counts.
        """

        def leaders() -> list[Member]:
            return [member for member in self.members if member.mode == "leader"]

        found = wait_until(leaders, SECONDS_TO_SERVE, f"{self} has a leader")
        return max(found, key=lambda member: member.epoch)

    @property
    def followers(self) -> list[Member]:
        """The members that follow now."""
        return [member for member in self.members if member.mode == "follower"]

    @property
    def observers(self) -> list[Member]:
        """The members that have no vote."""
        return [member for member in self.members if member.is_observer]

    @property
    def voters(self) -> list[Member]:
        """The members that have one."""
        return [member for member in self.members if not member.is_observer]

    # Life and faults

    def start(self) -> None:
        """Start those that do not run, and return when all serve; raises ServerError."""
        if self._network is None:
            numbers = {port: each.number for each in self.members for port in each.peer_ports}
            self._network = PeerNetwork(numbers)
            for member in self.members:
                options = self._network.java_options(member.number)
                member.java_options = (*member.java_options, *options)
        for member in self.members:
            if not member.is_running:
                member.launch()
        self.wait_until_serving()

    def close(self) -> None:
        """Kill all and remove every trace."""
        for member in self.members:
            member.close()
        if self._network is not None:
            self._network.close()
            self._network = None

    def isolate(self, *members: Member) -> None:
        """Part these from the other members; clients still reach all; ends an earlier parting.

        Those isolated together can talk to each other.
        """
        assert self._network is not None
        apart = {member.number for member in members}
        self._network.part(apart, {member.number for member in self.members} - apart)

    def reconnect(self) -> None:
        """Let the members talk to each other again; what they had said arrives."""
        assert self._network is not None
        self._network.heal()

    def heal(self) -> None:
        """End all faults: return when every member serves again."""
        self.reconnect()
        for member in self.members:
            if member.is_paused:
                member.resume()
        self.start()

    def wait_until_serving(self) -> None:
        """Return when one leads and every other member follows or observes it."""
        give_up_at = time.monotonic() + stretched(SECONDS_TO_SERVE)
        while not self._is_whole():
            for member in self.members:
                if not member.is_running:
                    raise ServerError(f"{member} has ended\n{member.log_tail()}")
            if time.monotonic() > give_up_at:
                tails = "\n".join(f"{member}\n{member.log_tail(10)}" for member in self.members)
                raise ServerError(f"{self} does not serve\n{tails}")
            time.sleep(0.01)

    def rolling_restart(self) -> None:
        """Restart every member, the leader last, each when all serve, as administrators do."""
        leader = self.leader
        for member in [*(each for each in self.members if each is not leader), leader]:
            member.stop()
            member.launch()
            self.wait_until_serving()

    def _is_whole(self) -> bool:
        """Tell whether all serve, and the same leader: a member may not know yet that it is alone."""
        modes = [member.mode for member in self.members]
        expected = ["observer"] * len(self.observers) + ["follower"] * (len(self.voters) - 1)
        if sorted(map(str, modes)) != sorted([*expected, "leader"]):
            return False
        leader = self.members[modes.index("leader")]
        return _synced_followers(leader) == len(self.voters) - 1


def _synced_followers(leader: Member) -> int:
    with suppress(OSError):
        for line in leader.words(b"mntr", patience=0.5).splitlines():
            if line.startswith("zk_synced_followers"):
                return int(float(line.split()[1]))
    return -1
