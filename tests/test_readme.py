"""What the README shows works as it stands there."""

import ast
import os
import re
import subprocess
import sys
from typing import Any

import pytest

import zc.zk
from tests.sources import PROJECT
from tests.waiting import wait_until
from zc.zk.testing import Server

EXAMPLES = re.findall(
    r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", (PROJECT / "README.rst").read_text()
)


def example(words: str) -> str:
    """Give the code of the one example that has these words in it."""
    (found,) = [each for each in EXAMPLES if words in each]
    return "\n".join(line[4:] for line in found.splitlines())


def test_the_registry_is_used_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Server() as server:
        code = example("register_server").replace("127.0.0.1:2181", server.address)
        names: dict[str, Any] = {}

        exec(code, names)  # noqa: S102 (our own documentation)
        names["zk"].close()

    assert capsys.readouterr().out == "['10.0.0.5:8080']\nservers: ['10.0.0.5:8080']\n"


def test_the_client_is_used_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Server() as server:
        code = example("transaction").replace("127.0.0.1:2181", server.address)
        names: dict[str, Any] = {"zc": zc}

        exec(code, names)  # noqa: S102 (our own documentation)
        client = names["client"]
        client.set("/jobs/1", b"[]")
        printed = wait_until(lambda: capsys.readouterr().out, 20.0)
        client.stop()

    assert printed == "CHANGED /jobs/1\n"


def test_asyncio_is_used_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Server() as server:
        code = example("zc.zk.aio").replace("127.0.0.1:2181", server.address)

        exec(code, {})  # noqa: S102 (our own documentation)
        with zc.zk.Client(server.address) as client:
            assert client.get("/svc")[0] == b'{"threads":2}'
            assert client.get_children("/svc/servers") == []

    assert sorted(capsys.readouterr().out.splitlines()) == [
        "['10.0.0.5:8080']",
        "servers: ['10.0.0.5:8080']",
    ]


@pytest.mark.slow
def test_an_asab_application_is_written_as_shown_and_may_run_again() -> None:
    with Server() as server:
        runs = [
            subprocess.run(
                [sys.executable, "-c", example("asab.Application")],
                env={**os.environ, "ASAB_ZOOKEEPER_SERVERS": server.address},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            for _ in range(2)
        ]

    assert [run.returncode for run in runs] == [0, 0], runs[-1].stderr
    assert [len(ast.literal_eval(run.stdout)) for run in runs] == [1, 2]


def test_clients_can_be_secured_as_shown(tmp_path: pytest.TempPathFactory) -> None:
    shown = example("GSSAPI").splitlines()

    calls = [line.partition("#")[0].strip() for line in shown if line.strip()]

    assert len(calls) == 5
    for call in calls:
        if "pem" in call or "GSSAPI" in call:  # files that are not here, and an extra
            compile(call, "README.rst", "eval")
        else:
            assert isinstance(eval(call, {"zc": zc, "hosts": "127.0.0.1:1"}), zc.zk.Client)  # noqa: S307
