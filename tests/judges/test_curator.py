"""Curator's recipes hold on the embedded server, as they do on Apache's."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.realserver import NEWER_CLASSPATH, RealServer
from tests.waiting import stretched
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

PROGRAM = Path(__file__).with_name("Recipes.java")
OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
)
RECIPES = [
    "mutex",
    "leader latch",
    "persistent node",
    "cache",
    "shared count",
    "queue",
    "double barrier",
    "transaction",
    "kinds of nodes",
]


@pytest.mark.real
@pytest.mark.long
def test_the_recipes_of_curator_hold() -> None:
    with Server(settings=Settings(sweep_interval=0.2)) as server:
        said = run_recipes(server.port, server.restart, lambda session, _: server.expire(session))

    assert said == [f"OK {recipe}" for recipe in RECIPES]


@pytest.mark.long
def test_what_is_asked_of_the_recipes_holds_on_a_real_server(own_real_server: RealServer) -> None:
    server = own_real_server

    said = run_recipes(server.port, server.restart, server.expire)

    assert said == [f"OK {recipe}" for recipe in RECIPES]


def run_recipes(
    port: int, restart: Callable[[], None], expire: Callable[[int, bytes], object]
) -> list[str]:
    """Give all lines that the program printed, but for its wishes, which are granted."""
    said = []
    with _running(port) as (wishes, answers):
        for line in wishes:
            match line.split():
                case ["END"]:
                    break
                case ["ASK", "restart"]:
                    restart()
                case ["ASK", "expire", session, password]:
                    expire(int(session), bytes.fromhex(password))
                case _:
                    said.append(line.rstrip())
                    continue
            answers.write("done\n")
            answers.flush()
    return said


@contextmanager
def _running(port: int) -> Iterator[tuple[IO[str], IO[str]]]:
    command = ["java", *OPTIONS, "-cp", NEWER_CLASSPATH, str(PROGRAM), f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as java:
        assert java.stdout is not None
        assert java.stdin is not None
        try:
            yield java.stdout, java.stdin
            java.wait(stretched(10.0))
        finally:
            java.kill()
