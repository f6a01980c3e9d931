"""Operations on the ensemble itself."""

from dataclasses import dataclass
from typing import Self

from zc.zk.codes import OpCode
from zc.zk.errors import error_for
from zc.zk.jute import Reader, Writer
from zc.zk.operations.base import Operation
from zc.zk.records import Stat


@dataclass(frozen=True, slots=True)
class Reconfig(Operation[tuple[bytes, Stat]]):
    """Change who belongs to the ensemble; the answer is the new configuration and its node's status (3.5 and later).

    Either `joining` and `leaving`, or all `new_members`; None for what is not given. `from_config` is the version of
    the configuration to change, -1 for whichever there is.
    """

    opcode = OpCode.RECONFIG
    is_newer = True
    joining: str | None = None
    leaving: str | None = None
    new_members: str | None = None
    from_config: int = -1

    def write(self, out: Writer) -> None:
        out.string(self.joining)
        out.string(self.leaving)
        out.string(self.new_members)
        out.long(self.from_config)

    def read(self, reply: Reader) -> tuple[bytes, Stat]:
        return reply.buffer() or b"", Stat.read(reply)

    def refused(self, code: int) -> tuple[bytes, Stat]:
        raise error_for(code, None)

    @classmethod
    def read_request(cls, body: Reader) -> Self:
        return cls(body.string(), body.string(), body.string(), body.long())

    def write_reply(self, answer: tuple[bytes, Stat], out: Writer) -> None:
        out.buffer(answer[0])
        answer[1].write(out)
