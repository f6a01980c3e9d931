import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kdc import Kdc, KdcError
from tests.leaks import is_alive
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]


@pytest.fixture
def kdc(installed_kerberos: None) -> Kdc:
    return Kdc()


@pytest.mark.slow
def test_it_gives_keys_to_principals(kdc: Kdc) -> None:
    with kdc:
        keytab = kdc.keytab("zookeeper/elsewhere@ZOO.TEST")

        assert keytab.stat().st_size > 0
        assert kdc.keytab("zookeeper/elsewhere@ZOO.TEST") == keytab


def test_one_that_was_not_started_has_no_keys(kdc: Kdc) -> None:
    with pytest.raises(KdcError, match="never started"):
        kdc.keytab("anybody")


@pytest.mark.slow
def test_closing_leaves_nothing(kdc: Kdc) -> None:
    with kdc:
        processes = kdc.processes
        folder = kdc.configuration.parent

    assert len(processes) == 2
    assert not any(map(is_alive, processes))
    assert not folder.exists()


@pytest.mark.slow
def test_it_does_not_outlive_its_tests(kdc: Kdc) -> None:
    program = f"""
from tests.kdc import Kdc

kdc = Kdc()
kdc.start()
print(kdc.configuration, *kdc.processes, flush=True)
os.kill(os.getpid(), {signal.SIGKILL:d})
"""

    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=False
    ).stdout

    configuration, *processes = output.decode().split()
    assert len(processes) == 2
    wait_until(lambda: not any(is_alive(int(process)) for process in processes), 5)
    wait_until(lambda: not Path(configuration).exists(), 5)
