"""The worker processes, and the conductor's side of each task."""

import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from bench.stage import Stage, resume, wait_until_stopped
from bench.tasks import FOLLOWING, Result, Task

_SECONDS_TO_END = 10


class WorkerError(Exception):
    """A worker has ended before its time; what it said is on the screen."""


class Hand:
    """One worker process. A context manager, which ends it."""

    def __init__(self, subject: str, stage: Stage) -> None:
        self._stage = stage
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", subject, str(stage.server.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        if error is not None:
            process.kill()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @property
    def process_id(self) -> int:
        """The id of its process."""
        return self._process.pid

    def do(self, task: Task, count: int, mark: str, *, traced: bool = False) -> Result:
        """Have the task done once, and give what it took."""
        order = {"call": task.call, "kind": task.kind, "count": count, "mark": mark}
        self._say({**order, "traced": traced})
        if task.kind == "update":
            result = self._update(task, count, mark)
        elif task.kind == "recover":
            result = self._recover(task, count, mark)
        else:
            result = Result(**self._hear())
        self._hear()
        return result

    def _update(self, task: Task, count: int, mark: str) -> Result:
        self._hear()
        begun = time.monotonic()
        self._change(task, count, mark)
        answer = self._hear()
        return Result(wall=answer.pop("ended") - begun, **answer)

    def _recover(self, task: Task, count: int, mark: str) -> Result:
        identity = self._hear()
        wait_until_stopped(self._process.pid)
        try:
            if task.ends_session:
                password = bytes.fromhex(identity["password"])
                self._stage.end_session(identity["session_id"], password)
            self._change(task, count, mark)
        finally:
            resume(self._process.pid)
        return Result(**self._hear())

    def _change(self, task: Task, count: int, mark: str) -> None:
        if task.call in FOLLOWING:
            self._stage.change_children(count, mark)
        else:
            self._stage.change_data(count, mark)

    def _say(self, order: dict[str, Any]) -> None:  # Any: JSON
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"a worker ended: {self._process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer
