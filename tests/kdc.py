"""Run a Kerberos key distribution centre of our own, on loopback: MIT's, as Debian has it."""

import os
import shutil
import subprocess
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ownedprocess import OwnedProcess
from tests.ports import LOOPBACK, free_port
from tests.waiting import wait_until

REALM = "ZOO.TEST"
CLIENT = f"alice@{REALM}"
MASTER_PASSWORD = "nobody types this"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local")
ADMINISTRATION = "/usr/sbin:/sbin"  # not on everybody's path

SECONDS_TO_START = 10.0

KRB5_CONF = """
[libdefaults]
  default_realm = {realm}
  dns_canonicalize_hostname = false
  dns_lookup_kdc = false
  dns_lookup_realm = false
  rdns = false
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {loopback}:{port}
  }}
[domain_realm]
  localhost = {realm}
"""

KDC_CONF = """
[logging]
  kdc = STDERR
[kdcdefaults]
  kdc_listen = {loopback}:{port}
  kdc_tcp_listen = {loopback}:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    max_life = 1d
  }}
"""


class KdcError(Exception):
    """The centre does not do what it was asked to; the message says what it said."""


class Kdc:
    """A realm with the principals that `keytab` was asked for; nothing of it is left behind."""

    def __init__(self) -> None:
        self.realm = REALM
        self.port = free_port()
        self._process = OwnedProcess("zk-kdc-")
        self._finalizer = weakref.finalize(self, self._process.remove)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @staticmethod
    def missing() -> list[str]:
        """Give the programs that are not installed; Debian has them in krb5-kdc and krb5-admin-server."""
        return [name for name in PROGRAMS if _find(name) is None]

    @property
    def processes(self) -> frozenset[int]:
        """The ids of the processes that run now."""
        return self._process.processes

    @property
    def configuration(self) -> Path:
        """The krb5.conf by which clients and servers find the realm."""
        return self._folder / "krb5.conf"

    @property
    def client_environment(self) -> dict[str, str]:
        """What makes programs that use Kerberos act as CLIENT, without a kinit."""
        return {
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_CLIENT_KTNAME": str(self.keytab(CLIENT)),
            "KRB5CCNAME": f"FILE:{self._folder}/tickets",
        }

    def start(self) -> None:
        """Make the realm and serve it; raises KdcError."""
        folder = self._process.prepare_directory()
        for name, text in {"krb5.conf": KRB5_CONF, "kdc.conf": KDC_CONF}.items():
            content = text.format(
                folder=folder, loopback=LOOPBACK, port=self.port, realm=self.realm
            )
            (folder / name).write_text(content)
        self._run("kdb5_util", "create", "-s", "-r", self.realm, "-P", MASTER_PASSWORD)
        self._process.launch([_found("krb5kdc"), "-n", "-r", self.realm], self._environment)
        try:
            wait_until(self._says_that_it_serves, SECONDS_TO_START, "the KDC serves")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it and remove every trace."""
        self._process.remove()

    def keytab(self, principal: str) -> Path:
        """Make a principal where there is none; give the file with its keys."""
        path = self._folder / (principal.replace("/", "-") + ".keytab")
        if not path.exists():
            self._run("kadmin.local", "-r", self.realm, "addprinc", "-randkey", principal)
            self._run("kadmin.local", "-r", self.realm, "ktadd", "-k", str(path), principal)
        return path

    @property
    def _folder(self) -> Path:
        if self._process.directory is None:
            raise KdcError("the KDC was never started, or is closed")
        return self._process.directory

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "KRB5_CONFIG": str(self._folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self._folder / "kdc.conf"),
        }

    def _says_that_it_serves(self) -> bool:
        assert self._process.running is not None
        assert self._process.log is not None
        said = self._process.log.read_text()
        if self._process.running.poll() is not None:
            raise KdcError(f"the KDC ended while it started\n{said}")
        return "commencing operation" in said

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [_found(program), *arguments],
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            raise KdcError(f"{program} {' '.join(arguments)}: {result.stdout.strip()}")


def _find(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":" + ADMINISTRATION)


def _found(program: str) -> str:
    if (path := _find(program)) is None:
        raise KdcError(f"not found: {program}; `.ci/install-kerberos` installs it")
    return path
