"""Run a real Apache ZooKeeper that clients log in to by SASL, with passwords or by Kerberos."""

from collections.abc import Mapping
from typing import Any

from tests.kdc import Kdc
from tests.realserver import RealServer

JAAS_FILE = "jaas.conf"
PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
REQUIRED = {"enforce.auth.enabled": "true", "enforce.auth.schemes": "sasl"}

USERS = {"alice": "secret of alice", "bob": "secret of bob"}


class SaslServer(RealServer):
    """A RealServer to whose `users` the mechanism DIGEST-MD5 is open.

    Where it is `required`, whoever has not logged in can do nothing else.
    """

    def __init__(
        self,
        users: Mapping[str, str] = USERS,
        *,
        required: bool = False,
        **options: Any,  # what RealServer takes
    ) -> None:
        module = "org.apache.zookeeper.server.auth.DigestLoginModule"
        wanted = {f"user_{name}": password for name, password in users.items()}
        super().__init__(**_with_login(options, module, wanted, required=required))
        self.users = dict(users)


class KerberosServer(RealServer):
    """A RealServer that those whom `kdc` knows can log in to, by the mechanism GSSAPI.

    Its principal is zookeeper/localhost; where it is `required`, nobody else can do anything.
    """

    def __init__(
        self,
        kdc: Kdc,
        *,
        required: bool = False,
        **options: Any,  # what RealServer takes
    ) -> None:
        self.kdc = kdc
        self.principal = f"zookeeper/localhost@{kdc.realm}"
        wanted = {
            "useKeyTab": "true",
            "keyTab": str(kdc.keytab(self.principal)),
            "storeKey": "true",
            "useTicketCache": "false",
            "principal": self.principal,
        }
        given = [*options.pop("java_options", ()), f"-Djava.security.krb5.conf={kdc.configuration}"]
        module = "com.sun.security.auth.module.Krb5LoginModule"
        options = _with_login({**options, "java_options": given}, module, wanted, required=required)
        super().__init__(**options)


def _with_login(
    options: Mapping[str, Any], module: str, wanted: Mapping[str, str], *, required: bool
) -> dict[str, Any]:
    """Give the options of a RealServer with what makes its clients log in by a module of Java's."""
    lines = "".join(f'\n  {key}="{value}"' for key, value in wanted.items())
    return {
        **options,
        "settings": {
            "authProvider.sasl": PROVIDER,
            **(REQUIRED if required else {}),
            **(options.get("settings") or {}),
        },
        "java_options": [
            *options.get("java_options", ()),
            f"-Djava.security.auth.login.config={JAAS_FILE}",
        ],
        "files": {
            **(options.get("files") or {}),
            JAAS_FILE: f"Server {{\n  {module} required{lines};\n}};\n",
        },
    }
