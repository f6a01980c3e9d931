"""The examples in the documents do what the documents say."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.realserver import DEBIAN_CLASSPATH
from tests.sources import PROJECT
from zc.zk.testing import Server
from zc.zk.testing.commands import Commands
from zc.zk.testing.faults import Faults
from zc.zk.testing.script import EFFECTS

TESTING = (PROJECT / "docs" / "testing.rst").read_text()
pytestmark = pytest.mark.slow


def blocks(text: str, language: str) -> list[str]:
    """Give the code of a language in a document."""
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(each) for each in found]


def test_the_tests_in_the_page_about_testing_pass(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZK_TEST_CONNECTION", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p zc.zk.testing.pytest_plugin")
    examples = [block for block in blocks(TESTING, "python") if "def test_" in block]
    for number, block in enumerate(examples):
        pytester.makepyfile(**{f"test_{number}": block})

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(passed=sum(each.count("def test_") for each in examples))
    assert len(examples) == 3


@pytest.mark.parametrize(
    "example", [block for block in blocks(TESTING, "python") if "def test_" not in block]
)
def test_the_programs_in_the_page_about_testing_run(example: str) -> None:
    subprocess.run(
        [sys.executable, "-c", example], check=True, timeout=60, stdout=subprocess.DEVNULL
    )


def test_the_session_in_the_page_about_testing_is_as_shown() -> None:
    (session,) = re.findall(r"--control\n    ZooKeeper server on .*\n((?:    .*\n)+)", TESTING)
    lines = textwrap.dedent(session).splitlines()
    assert len(lines) == 8

    with Server() as server:
        commands = Commands(server)
        answers = [commands.obey(line) for line in lines[::2]]

    assert answers == lines[1::2]


def test_all_faults_are_in_the_page_about_testing() -> None:
    named = set(re.findall(r"^``(\w+)", TESTING, re.MULTILINE))

    assert set(EFFECTS) <= named
    assert all(hasattr(Faults, name) for name in EFFECTS)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a compiler for Java")
def test_the_java_program_in_the_page_about_testing_prints_what_is_said(tmp_path: Path) -> None:
    (program,) = blocks(TESTING, "java")
    (tmp_path / "FaultExample.java").write_text(program)
    command = tmp_path / "zk"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m zc.zk.cli.main "$@"\n')
    command.chmod(0o755)

    run = subprocess.run(
        ["java", "-cp", DEBIAN_CLASSPATH, "FaultExample.java"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT / "src"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stdout) == (0, "ok 1\ncreated: true\n"), run.stderr
