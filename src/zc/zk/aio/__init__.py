"""The library on an event loop: what `zc.zk` has, awaited.

    async with zc.zk.aio.ZooKeeper("127.0.0.1:2181") as zk:
        await zk.register_server("/svc/servers", ("10.0.0.5", 8080))
        servers = await zk.children("/svc/servers")
        async for addresses in servers.changes():
            ...

Names, parameters and errors are those of `zc.zk`.
"""

from zc.zk.aio.client import Client
from zc.zk.aio.live import Children, Properties
from zc.zk.aio.registrar import RegisteredServer
from zc.zk.aio.retrying import Retry
from zc.zk.aio.transactions import Transaction
from zc.zk.aio.watchers import ChildrenWatch, DataWatch
from zc.zk.aio.zookeeper import ZooKeeper

__all__ = [
    "Children",
    "ChildrenWatch",
    "Client",
    "DataWatch",
    "Properties",
    "RegisteredServer",
    "Retry",
    "Transaction",
    "ZooKeeper",
]
