"""Run the command line that Apache ZooKeeper comes with, and tell what it said in comparable words."""

import re
import subprocess
from itertools import groupby
from typing import NamedTuple

from tests.realserver import DEBIAN, DEBIAN_CLASSPATH, NEWER_CLASSPATH
from tests.waiting import stretched

# Debian's brings what it parses its options with, for both versions.
CLASSPATHS = {(3, 8): DEBIAN_CLASSPATH, (3, 9): f"{NEWER_CLASSPATH}:{DEBIAN}/commons-cli.jar"}
OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
    "-Dzookeeper.admin.enableServer=false",
)
MAIN_CLASS = "org.apache.zookeeper.ZooKeeperMain"
SECONDS_FOR_ALL = 60.0

EVENT = re.compile(r"WatchedEvent ")
NOISE = re.compile(r"WATCHER::|WatchedEvent .*type:None")  # when it connects, and when it ends
ZXID = re.compile(r"([cmp][zZ]xid = |zxid: )(0x[0-9a-f]+|\d+)")
IDENTITY = re.compile(r"(digest|ip): ")
OWNER = re.compile(r"(ephemeralOwner = )0x[1-9a-f][0-9a-f]*")
TIME = re.compile(r"(time = ).*")


class Said(NamedTuple):
    """What a command line answered, and which events it was told meanwhile, in no order with it."""

    lines: list[str]
    events: list[str]


def run_commands(port: int, version: tuple[int, int], commands: list[str]) -> Said:
    """Give what the client of that version says to commands, each of them one line."""
    client = ["java", *OPTIONS, "-cp", CLASSPATHS[version], MAIN_CLASS]
    ended = subprocess.run(
        [*client, "-server", f"127.0.0.1:{port}", "-waitforconnection"],
        input="".join(f"{command}\n" for command in [*commands, "quit"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # where it stands tells which command it answers
        encoding="utf-8",
        timeout=stretched(SECONDS_FOR_ALL),
        check=False,
    )
    lines = [
        line
        for line in masked(ended.stdout.replace(str(port), "PORT")).splitlines()
        if line and not NOISE.match(line)
    ]
    answers = [line for line in lines if not EVENT.match(line)]
    return Said(in_order(answers), sorted(line for line in lines if EVENT.match(line)))


def in_order(lines: list[str]) -> list[str]:
    """Sort what `whoami` lists: servers keep it in no order."""
    groups = groupby(lines, lambda line: bool(IDENTITY.match(line)))
    return [line for is_list, group in groups for line in (sorted(group) if is_list else group)]


def masked(text: str) -> str:
    """Leave out of an output what differs between two servers: times, owners and the first zxid."""
    zxids = [int(zxid, 0) for _, zxid in ZXID.findall(text)]
    base = min((zxid for zxid in zxids if 0 < zxid < 1 << 63), default=1)

    def relative(match: re.Match[str]) -> str:
        zxid = int(match[2], 0)
        return match[1] + (f"first+{zxid - base}" if base <= zxid < 1 << 63 else match[2])

    text = ZXID.sub(relative, text)
    return TIME.sub(r"\1TIME", OWNER.sub(r"\1OWNER", text))
