"""A client on an event loop shows who it is, and talks to nobody else, over TLS and by SASL."""

import asyncio

import pytest

import zc.zk
from tests.aio.looping import others, run
from tests.keys import Keys
from tests.saslserver import SaslServer
from tests.tlsserver import TlsServer
from zc.zk import TLS, FailedConnect
from zc.zk.aio import Client
from zc.zk.server.settings import Settings
from zc.zk.testing import Server, ServerTLS


def test_tls_secures_the_connection_and_the_words(tls_server: TlsServer, keys: Keys) -> None:
    async def main() -> None:
        async with Client(tls_server.secure_address, tls=TLS(ca=keys.trusted)) as client:
            path = await client.create("/tls-", b"x" * 600_000, sequence=True, ephemeral=True)
            assert (await client.get(path))[0] == b"x" * 600_000
            await asyncio.gather(*(client.get(path) for _ in range(20)))
            assert (await client.server_version())[0] == 3
        with pytest.raises(FailedConnect, match="certificate"):
            await Client(tls_server.secure_address, tls=True).start(1.0)

    run(main())


def test_a_user_logs_in_by_sasl(sasl_server: SaslServer) -> None:
    async def main() -> None:
        login = zc.zk.DigestMD5("alice", sasl_server.users["alice"])
        async with Client(sasl_server.address, sasl=login) as client:
            acl = [zc.zk.make_sasl_acl("alice", all=True)]
            path = await client.create("/sasl-", acl=acl, sequence=True, ephemeral=True)
            assert (await client.get(path))[0] == b""
            async with Client(sasl_server.address) as stranger:
                with pytest.raises(zc.zk.NoAuthError):
                    await stranger.get(path)
        with pytest.raises(zc.zk.AuthFailedError):
            await Client(sasl_server.address, sasl=zc.zk.DigestMD5("alice", "wrong")).start()
        assert others() == set()

    run(main())


def test_sasl_goes_over_embedded_tls(keys: Keys) -> None:
    pair = ServerTLS(certificate=keys.server.certificate, key=keys.server.key)
    settings = Settings(sasl_users={"alice": "secret"})

    async def main() -> None:
        with Server(tick_time=0.05, tls=pair, settings=settings) as server:
            async with Client(
                server.address,
                tls=TLS(ca=keys.trusted),
                sasl=zc.zk.DigestMD5("alice", "secret"),
            ) as client:
                assert any(each.scheme == "sasl" for each in await client.who_am_i())

    run(main())
