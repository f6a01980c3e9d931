"""`make demo`: servers register themselves, a watcher follows them, and things go wrong."""

import inspect
import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from zc.zk.cli import demo_roles
from zc.zk.cli.demo_process import DemoError, Process

_ATTEMPTS = 3
_SECONDS_PER_ATTEMPT = 2.0
_BOLD, _DIM, _PLAIN = "\033[1m", "\033[2m", "\033[0m"


def main() -> int:
    """Play the demo and return its exit code: 0 if all happened as told, 1 if not, 130 after ^C."""
    signal.signal(signal.SIGTERM, _leave)
    begun = time.monotonic()
    try:
        with ExitStack() as stack:
            Demo(stack).play()
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left running", file=sys.stderr)
        return 130
    print(f"That was all, in {time.monotonic() - begun:.1f} seconds; nothing is left running.")
    return 0


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


class Demo:
    """The play, an act a method. The processes belong to `stack`, which ends them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._zookeeper = ""
        self._acts = 0
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def play(self) -> None:
        """Play all the acts."""
        self._begin()
        watcher = self._watch()
        first, second = self._serve(watcher)
        self._configure(watcher)
        self._crash(watcher, first)
        self._lose_session(watcher, second)
        self._leave(watcher, second)

    # --- the acts

    def _begin(self) -> None:
        self._tell("A ZooKeeper server starts, and a service is laid out in it.")
        self._type("zk server --port 0")
        server = self._start("zookeeper")
        self._zookeeper = server.hear().split()[-1]
        self._note(f"the ZooKeeper server listens on {self._zookeeper}")
        print()
        self._show_code(demo_roles.prepare)
        self._run("prepare")

    def _watch(self) -> Process:
        self._tell("A watcher asks for the service's servers and configuration, and stays current.")
        self._show_code(demo_roles.watch)
        watcher = self._start("watcher", self._zookeeper)
        self._see(watcher, lambda line: line.startswith("configuration:"))
        return watcher

    def _serve(self, watcher: Process) -> tuple[Process, Process]:
        self._tell("Two servers start, each in its own process. They register themselves.")
        self._show_code(demo_roles.serve)
        servers = []
        for name in ("first", "second"):
            server = self._start("server", self._zookeeper)
            address = _who(server)["address"]
            self._note(f"the {name} server is process {server.pid}, and listens on {address}")
            self._see_servers(watcher, present=address)
            servers.append(server)
        return servers[0], servers[1]

    def _configure(self, watcher: Process) -> None:
        self._tell("Somebody changes the configuration, while everything runs.")
        self._show_code(demo_roles.configure)
        self._run("configure")
        self._see(watcher, lambda line: "'threads': 8" in line)

    def _crash(self, watcher: Process, server: Process) -> None:
        address = _who(server, ask=True)["address"]
        self._tell("The first server is killed, and cannot say goodbye.")
        self._type(f"kill -KILL {server.pid}")
        server.kill()
        self._note("its session ends when ZooKeeper has not heard of it for one second")
        self._see_servers(watcher, absent=address)

    def _lose_session(self, watcher: Process, server: Process) -> None:
        self._tell(
            "An operator closes the session of the second server, which knows nothing of it."
        )
        self._show_code(demo_roles.end_session)
        self._end_session(watcher, server)
        self._note("the server notices, opens a new session, and registers again by itself")
        self._see_servers(watcher, present=_who(server, ask=True)["address"])

    def _end_session(self, watcher: Process, server: Process) -> None:
        # The owner connects again when its session is taken over: it may be back before the session is closed.
        for attempt in range(_ATTEMPTS):
            owner = _who(server, ask=True)
            self._run("operator", str(owner["session_id"]), owner["password"])
            try:
                self._see_servers(watcher, absent=owner["address"], seconds=_SECONDS_PER_ATTEMPT)
            except DemoError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _leave(self, watcher: Process, server: Process) -> None:
        address = _who(server, ask=True)["address"]
        self._tell("The second server stops as servers should: its address is gone at once.")
        self._type("zk.close()")
        server.leave()
        self._see_servers(watcher, absent=address)
        print()

    # --- processes

    def _start(self, role: str, *arguments: str) -> Process:
        with _uninterrupted():
            return self._stack.enter_context(Process(role, *arguments))

    def _run(self, role: str, *arguments: str) -> None:
        self._start(role, self._zookeeper, *arguments).finish()

    # --- what is printed

    def _see(self, watcher: Process, is_it: Callable[[str], bool]) -> None:
        watcher.hear_until(is_it, self._show_seen)

    def _see_servers(
        self, watcher: Process, *, present: str = "", absent: str = "", seconds: float = 5.0
    ) -> None:
        def is_it(line: str) -> bool:
            names = line.removeprefix("servers: ").split(", ")
            return line.startswith("servers:") and (
                present in names if present else absent not in names
            )

        watcher.hear_until(is_it, self._show_seen, seconds)

    def _show_seen(self, line: str) -> None:
        print(f"  watcher | {self._styled(_BOLD, line)}", flush=True)

    def _tell(self, text: str) -> None:
        self._acts += 1
        print(f"\n{self._styled(_BOLD, f'{self._acts}. {text}')}\n", flush=True)

    def _note(self, text: str) -> None:
        print(f"          ({text})", flush=True)

    def _type(self, command: str) -> None:
        print(f"    $ {command}\n" if "(" not in command else f"    {command}\n", flush=True)

    def _show_code(self, function: Callable[..., object]) -> None:
        print(self._styled(_DIM, textwrap.indent(_body(function), "    ")), end="\n\n", flush=True)

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._is_coloured else text


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let ^C wait: a process that is half started is on no list of those to end."""
    came: list[int] = []

    def remember(number: int, _frame: object) -> None:
        came.append(number)

    before = {each: signal.signal(each, remember) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for interruption in came:
            signal.raise_signal(interruption)


def _who(server: Process, *, ask: bool = False) -> dict[str, Any]:  # Any: JSON
    answer: dict[str, Any] = json.loads(server.ask() if ask else server.hear())
    return answer


def _body(function: Callable[..., object]) -> str:
    """Give what a role does, as it stands in the source, without its first line, docstring and return."""
    lines = inspect.getsource(function).splitlines()
    begin = next(number for number, line in enumerate(lines) if line.lstrip().startswith('"""')) + 1
    kept = [line for line in lines[begin:] if not line.startswith("    return")]
    return textwrap.dedent("\n".join(kept)).strip("\n")


if __name__ == "__main__":
    sys.exit(main())
