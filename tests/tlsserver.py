"""Run a real Apache ZooKeeper that speaks TLS on one port, and plainly on another."""

import contextlib
import socket
from typing import Any, Literal

from tests.keys import Identity, Keys
from tests.ports import LOOPBACK, free_port
from tests.realserver import RealServer

ClientAuth = Literal["need", "want", "none"]

NETTY = "org.apache.zookeeper.server.NettyServerCnxnFactory"


class TlsServer(RealServer):
    """A RealServer with `secure_port` besides; `identity` replaces the certificate of `keys`.

    `client_auth` says whether clients must, can or cannot show a certificate; shown to the port,
    it is their identity of the scheme x509, "CN=client".
    """

    def __init__(
        self,
        keys: Keys,
        *,
        client_auth: ClientAuth = "want",
        identity: Identity | None = None,
        **options: Any,  # what RealServer takes
    ) -> None:
        super().__init__(**options)
        self.secure_port = free_port()
        self.settings |= {
            "secureClientPort": str(self.secure_port),
            "secureClientPortAddress": LOOPBACK,
            "serverCnxnFactory": NETTY,
            "ssl.clientAuth": client_auth,
            "ssl.keyStore.location": str((identity or keys.server).both),
            "ssl.trustStore.location": str(keys.trusted),
            # It would look up the name of the client's address, which says nothing about the client.
            "ssl.clientHostnameVerification": "false",
        }

    @property
    def secure_address(self) -> str:
        return f"{LOOPBACK}:{self.secure_port}"

    def _is_serving(self) -> bool:
        # The plain port is opened first.
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.secure_port)):
            return super()._is_serving()
        return False
