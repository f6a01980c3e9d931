"""Let random faults come and go, the same ones for the same seed."""

import os
import random
from collections.abc import Callable

from tests.frames import event, reply_to, request
from tests.promises.outsider import expire
from tests.proxy import FaultProxy
from tests.waiting import remains
from tests.wire import Opcode
from zc.zk import Client

ROUNDS = int(os.environ.get("ZK_TEST_ROUNDS", "10"))
ROUNDS_AT_ONCE = 10


class Weather:
    """A random sequence of faults of a client's network and session, while others make changes."""

    def __init__(
        self, client: Client, proxy: FaultProxy, change: Callable[[], object], seed: int
    ) -> None:
        self._client = client
        self._proxy = proxy
        self._change = change
        self._chance = random.Random(seed)

    def rage(self) -> None:
        """Let some faults come and go; heal them at the end."""
        for _ in range(self._chance.randint(3, 8)):
            self._chance.choice(self._faults())()
            for _ in range(self._chance.randint(1, 5)):
                self._change()
                remains(lambda: True, self._chance.choice((0, 0.05, 0.3)))
            if self._chance.random() < 0.4:
                self._proxy.heal()
        self._proxy.heal()

    def _faults(self) -> list[Callable[[], object]]:
        chance, proxy = self._chance, self._proxy
        selector = chance.choice(
            [
                event(),
                reply_to(Opcode.GET_DATA),
                reply_to(Opcode.GET_CHILDREN),
                request(Opcode.CREATE),
                reply_to(Opcode.CREATE),
                request(Opcode.SET_WATCHES),
                reply_to(Opcode.SET_WATCHES),
            ]
        )
        return [
            lambda: proxy.cut(rst=chance.random() < 0.5),
            lambda: proxy.cut_on(selector, chance.choice(["before", "after"]), times=3),
            proxy.black_hole,
            lambda: proxy.one_way(chance.choice(["to_server", "to_client"])),
            proxy.hold,
            proxy.half_open,
            lambda: proxy.delay(chance.random() / 20),
            proxy.one_byte_writes,
            lambda: proxy.drip(0.005),
            proxy.refuse,
            proxy.turn_away,
            lambda: expire(proxy.target_port, self._client.client_id),
        ]
