"""One subject in a process of its own, so that its CPU time is nobody else's.

It is given one JSON object a line and answers with one a line.
"""

import gc
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

from bench.loops import ZcZkAio
from bench.subjects import MAKERS, Subject
from bench.tasks import FOLLOWING

Answer = dict[str, Any]  # Any: JSON
_LOOK_EVERY = 0.005  # seconds between two counts of threads


class Worker:
    """Does one task after another, each with a session of its own."""

    def __init__(self, name: str, port: int) -> None:
        self._make = MAKERS[name]
        self._port = port

    def run(self) -> None:
        """Work until there are no more orders."""
        for line in sys.stdin:
            order = json.loads(line)
            subject = self._make(self._port)
            try:
                prepared = subject.prepare(order["call"], order["count"], order["mark"])
                self._do(subject, order, prepared)
            finally:
                subject.close()
            say({"closed": True})

    def _do(self, subject: Subject, order: Answer, prepared: Any) -> None:
        call = getattr(subject, order["call"])
        kind = order["kind"]
        gc.collect()
        if kind == "plain":
            cpu, begun = cpu_time(), time.monotonic()
            call(prepared)
            ended = time.monotonic()
            spent = {"wall": ended - begun, "cpu": cpu_time() - cpu}
            say({**spent, **_held(subject, order["call"], ended - begun)})
        elif kind == "memory":
            say(_weigh(subject, lambda: call(prepared), order["count"], traced=order["traced"]))
        else:
            call(prepared)
            gc.collect()
            subject.expect(order["mark"])
            go_on = _follow if kind == "update" else _recover
            go_on(subject, order["call"])


def _held(subject: Subject, call: str, seconds: float) -> Answer:
    """Say how long the loop was held in a call that follows children."""
    if not isinstance(subject, ZcZkAio) or call not in FOLLOWING:
        return {}
    at_work, idle = subject.held(seconds)
    return {
        "held": at_work.longest,
        "held_cpu": at_work.cpu,
        "held_idle": idle.longest,
        "collection": at_work.collection,
    }


def _follow(subject: Subject, call: str) -> None:
    cpu = cpu_time()
    say({"ready": True})
    begun = time.monotonic()
    subject.wait_until_current()
    ended = time.monotonic()
    spent = {"ended": ended, "cpu": cpu_time() - cpu}
    say({**spent, **_held(subject, call, ended - begun)})


def _recover(subject: Subject, call: str) -> None:
    session_id, password = subject.client_id
    say({"session_id": session_id, "password": password.hex()})
    census = Census()
    cpu = cpu_time()
    subject.cut()
    os.kill(os.getpid(), signal.SIGSTOP)  # the world changes while we are away
    begun = time.monotonic()
    subject.recover()
    ended = time.monotonic()
    spent = {"wall": ended - begun, "cpu": cpu_time() - cpu, "threads": census.end()}
    say({**spent, **_held(subject, call, ended - begun)})


class Census:
    """Counts threads, as the system sees them, until the end."""

    def __init__(self) -> None:
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        self._before = self._most = _threads()

    def _look(self) -> None:
        while not self._has_ended.wait(_LOOK_EVERY):
            self._most = max(self._most, _threads())

    def end(self) -> int:
        """Give how many more there were at one time than at the start."""
        self._has_ended.set()
        self._thread.join()
        return self._most - self._before


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _weigh(subject: Subject, call: Any, count: int, *, traced: bool) -> Answer:
    if traced:
        tracemalloc.start()
        subject.touch()  # a reader's buffer is no part of a watch
        before = tracemalloc.get_traced_memory()[0]
        call()
        gc.collect()
        return {"traced": (tracemalloc.get_traced_memory()[0] - before) / count}
    before = _resident()
    call()
    gc.collect()
    return {"resident": (_resident() - before) / count}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def cpu_time() -> float:
    """Give the seconds of CPU that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(answer: Answer) -> None:
    """Answer the conductor."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    logging.disable()  # connections are cut on purpose
    Worker(sys.argv[1], int(sys.argv[2])).run()
