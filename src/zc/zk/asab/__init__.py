"""ZooKeeper in an ASAB application: `zc.zk.asab` in the place of `asab.zookeeper`, without kazoo.

    import asab
    import zc.zk.asab

    class MyApplication(asab.Application):
        def __init__(self):
            super().__init__(modules=[zc.zk.asab.Module])
            service = self.get_service("asab.ZooKeeperService")
            self.ZooKeeperContainer = zc.zk.asab.ZooKeeperContainer(service)
            self.PubSub.subscribe("ZooKeeperContainer.state/CONNECTED!", self._on_zk_connected)

        async def _on_zk_connected(self, event_name, zookeeper):
            if zookeeper == self.ZooKeeperContainer:
                print(await zookeeper.get_children())

Names and meanings are those that ASAB documents. It needs the extra: `pip install zc.zk[asab]`.
"""

from zc.zk.asab.application import Module, ZooKeeperContainer, ZooKeeperService
from zc.zk.asab.blocking import BlockingClient
from zc.zk.asab.calls import ZooKeeper
from zc.zk.asab.leader import LeaderService

__all__ = [
    "BlockingClient",
    "LeaderService",
    "Module",
    "ZooKeeper",
    "ZooKeeperContainer",
    "ZooKeeperService",
]
