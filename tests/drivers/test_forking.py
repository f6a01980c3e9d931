import os

import pytest

from zc.zk import ForkedClientError
from zc.zk.drivers.forking import ForkedLock


def test_the_lock_in_a_child_lets_nobody_in() -> None:
    with pytest.raises(ForkedClientError, match=f"the parent of process {os.getpid()}"):
        ForkedLock().__enter__()
