"""The commands of a running server: a line in, a line out."""

from collections.abc import Callable, Mapping

from zc.zk.errors import ArgumentError, ZooKeeperError
from zc.zk.testing import Server, VirtualClock
from zc.zk.testing.faults import FaultHandle
from zc.zk.testing.script import EFFECTS, number, read_fault, seconds

_SECONDS_TO_WAIT = 10.0


class Commands:
    """Obeys lines of text: those of a script, which set faults, and some of its own.

    `address`, `sessions`, `zxid`: what the server knows. `faults`: those that are not over.
    `count N`, `wait N [SECONDS]`, `lift N`, `lift all`: about the fault of that number, which is
    what setting it answered. `restart [wipe]` without conditions really stops and starts.
    `advance SECONDS`: for a server with a virtual clock. `help`: all words.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._faults: list[FaultHandle] = []
        self._commands: Mapping[str, tuple[int, int, Callable[..., str]]] = {
            # with how many arguments each may have
            "help": (0, 0, self._help),
            "address": (0, 0, lambda: server.address),
            "sessions": (0, 0, lambda: " ".join(f"{each:#x}" for each in server.sessions)),
            "zxid": (0, 0, lambda: f"{server.zxid:#x}"),
            "faults": (0, 0, self._list),
            "count": (1, 1, lambda text: str(self._fault(text).count)),
            "wait": (1, 2, self._wait),
            "lift": (1, 1, self._lift),
            "advance": (1, 1, self._advance),
        }

    def obey(self, line: str) -> str:
        """Do what a line says; return `ok` with the answer, or `error:` with the reason."""
        try:
            answer = self._answer(line.split())
        except (ZooKeeperError, OSError, RuntimeError) as error:
            return " ".join(f"error: {error}".split())
        return f"ok {answer}".rstrip()

    def _answer(self, words: list[str]) -> str:
        name, *arguments = words or [""]
        if name == "restart" and arguments in ([], ["wipe"]):
            self._server.restart(wipe=bool(arguments))
            return ""
        if name in EFFECTS:
            return self._set(" ".join(words))
        command = self._commands.get(name)
        if command is None:
            raise ArgumentError(f"no command is called {name!r}: try help")
        least, most, answer = command
        if not least <= len(arguments) <= most:
            raise ArgumentError(f"{name} has the wrong number of arguments")
        return answer(*arguments)

    def _set(self, line: str) -> str:
        self._faults.append(self._server.faults.add(*read_fault(line)))
        return str(len(self._faults))

    def _fault(self, text: str) -> FaultHandle:
        index = number(text)
        if not 1 <= index <= len(self._faults):
            raise ArgumentError(f"no fault has the number {index}")
        return self._faults[index - 1]

    def _help(self) -> str:
        return " ".join([*self._commands, *EFFECTS])

    def _list(self) -> str:
        numbered = enumerate(self._faults, 1)
        return " ".join(f"{index}:{each.name}" for index, each in numbered if not each.is_over)

    def _wait(self, text: str, patience: str = str(_SECONDS_TO_WAIT)) -> str:
        fault = self._fault(text)
        if not fault.wait(seconds(patience)):
            raise ArgumentError(f"fault {text} did not happen within {seconds(patience):g} s")
        return str(fault.count)

    def _lift(self, text: str) -> str:
        if text == "all":
            self._server.faults.lift_all()
        else:
            self._fault(text).lift()
        return ""

    def _advance(self, text: str) -> str:
        clock = self._server.clock
        if not isinstance(clock, VirtualClock):
            raise ArgumentError("the server lives by the machine's clock")
        clock.advance(seconds(text))
        return f"{clock.now():g}"
