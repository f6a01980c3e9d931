"""The public tests of kazoo, as its wheel ships them, hold on the embedded server."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.waiting import stretched

SECONDS_FOR_ALL = 400.0
SECONDS_FOR_ONE = "60"
REPOSITORY = Path(__file__).parents[2]

# One embedded server is no ensemble. Each client class has the first of them.
NEEDS_AN_ENSEMBLE = {
    "test_update_host_list",  # goes on with other members
    "test_read_only",  # members that lose their quorum
    "test_add_remove_observer",  # members to reconfigure
    "test_bad_input",
    "test_no_super_auth",
}
# Passed or not as it happens, on any server; one that then hangs is left out by the plugin.
BY_CHANCE = {
    "test_close",  # objects that other tests have left in the process count too
    "test_delete_operation",
    "test_connection_dropped",  # a server may answer before the connection is cut
}
NOT_HERE = {
    "Only run build config tests on CI.",
    "Kerberos support not available.",  # the embedded server knows SASL by DIGEST-MD5
    "eventlet handler not available.",  # the same tests as for threads and gevent, by another library
}


@pytest.mark.long
@pytest.mark.timeout(stretched(SECONDS_FOR_ALL) + 20)
def test_the_public_tests_of_kazoo_hold(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"

    said = run_suite(results)

    cases = list(ET.parse(results).iter("testcase"))  # noqa: S314 (pytest wrote it)
    failed = {case.attrib["name"] for case in cases if has(case, "failure") or has(case, "error")}
    assert failed - BY_CHANCE == NEEDS_AN_ENSEMBLE, said
    assert {why for case in cases for why in reasons(case)} <= NOT_HERE
    assert len([case for case in cases if not len(case)]) > 350, said


def run_suite(results: Path) -> str:
    """Run kazoo's tests in a process of their own, which knows nothing of ours; give what it prints."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "kazoo.tests", "--noconftest"]
    command += ["-p", "tests.judges.kazoocluster", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(results.parent), "--timeout", SECONDS_FOR_ONE, "--tb=short", "-v"]
    paths = [str(REPOSITORY), str(REPOSITORY / "src")]
    printed = results.with_suffix(".txt")
    with (
        printed.open("w") as out,
        subprocess.Popen(
            [*command, f"--junitxml={results}"],
            cwd=results.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as suite,
    ):
        try:
            suite.wait(stretched(SECONDS_FOR_ALL))
        except subprocess.TimeoutExpired:
            pytest.fail(f"kazoo's tests do not end:\n{printed.read_text()}")
        finally:
            suite.kill()
    return printed.read_text()


def has(case: ET.Element, what: str) -> bool:
    return case.find(what) is not None


def reasons(case: ET.Element) -> list[str]:
    """Give why a test was skipped."""
    return [skipped.attrib["message"] for skipped in case.findall("skipped")]
