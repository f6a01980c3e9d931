"""Transactions, awaited."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from zc.zk import transactions
from zc.zk.aio.documented import documented
from zc.zk.transactions import Contents

if TYPE_CHECKING:
    from zc.zk.aio.calls import Calls


@documented(transactions.Transaction)
class Transaction(Contents):
    """Writes that are done all together, under one zxid, or none of them: see `zc.zk.Transaction`.

    `await` its `commit`, or use it in `async with`. One that is cancelled while it commits was done, or was not.
    """

    def __init__(self, calls: "Calls", *, raising: bool = False) -> None:
        super().__init__(calls.default_acl, raising=raising)
        self.results: list[Any] | None = None
        self._calls = calls

    async def commit(self) -> list[Any]:
        self.results = results = await self._calls.run(self.commitment())
        await self._calls.catch_up(*self.written(results))
        return results

    def commit_async(self) -> asyncio.Future[list[Any]]:
        return self._calls.run_async(self.commitment(), "transaction")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self.committed:
            await self.commit()
