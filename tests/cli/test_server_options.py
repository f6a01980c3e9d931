import argparse
from pathlib import Path

import pytest

from zc.zk import ZooKeeperError
from zc.zk.cli import server_options
from zc.zk.cli.parser import Parser
from zc.zk.server.settings import Settings


def parsed(*options: str) -> argparse.Namespace:
    parser = Parser(prog="zk")
    server_options.add_options(parser)
    return parser.parse_args(options)


def test_without_options_the_settings_are_the_usual_ones() -> None:
    arguments = parsed()

    assert server_options.settings(arguments) == Settings()
    assert server_options.tls_context(arguments) is None


def test_options_become_settings(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("alice:secret\n\nbob:a:b\n", "utf-8")

    settings = server_options.settings(
        parsed(
            *("--tick-time", "0.5", "--emulate", "3.8", "--max-client-cnxns", "7"),
            *("--words", "ruok,conf", "--require", "sasl,digest"),
            *("--sasl-users", str(users), "--super-user", "bob"),
        )
    )

    assert settings == Settings(
        tick_time=0.5,
        version=(3, 8),
        most_connections_per_host=7,
        words=("ruok", "conf"),
        required_schemes=("sasl", "digest"),
        sasl_users={"alice": "secret", "bob": "a:b"},
        super_user="bob",
    )


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--port=x", "'x' is not a port number"),
        ("--port=65536", "65536 is not between 0 and 65535"),
        ("--tick-time=0", "0 is not a time in seconds"),
        ("--tick-time=nan", "nan is not a time in seconds"),
        ("--max-client-cnxns=-1", "'-1' is not a number"),
        ("--max-client-cnxns=x", "'x' is not a number"),
        ("--max-client-cnxns=", "'' is not a number"),
        ("--words=*,rook", "'rook' is no four-letter word"),
        ("--require=digest,none", "'none' is none of digest, sasl, x509, ip"),
    ],
)
def test_what_an_option_cannot_be_is_told(
    option: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(option)

    assert ended.value.code == 2
    name = option.partition("=")[0]
    assert capsys.readouterr().err == f"zk: argument {name}: {reason}\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--tls-key", "k"], "TLS needs a certificate: --tls-cert"),
        (["--tls-client-ca", "a"], "TLS needs a certificate: --tls-cert"),
        (["--tls-cert", "/none"], "no such file: /none"),
    ],
)
def test_files_for_tls_that_cannot_be_used_are_told(options: list[str], reason: str) -> None:
    with pytest.raises(ZooKeeperError) as told:
        server_options.tls_context(parsed(*options))

    assert str(told.value) == reason


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("alice secret", [], "line 1 of {users} is not NAME:PASSWORD"),
        ("a:b\n:c", [], "line 2 of {users} is not NAME:PASSWORD"),
        ("\udcff", [], "cannot read the users in {users}: it is not in UTF-8"),
        (None, [], "cannot read the users in {users}: no such file or directory"),
        ("a:b", ["--super-user", "c"], "no such user to be the super user: c"),
    ],
)
def test_users_that_cannot_be_are_told(
    text: str | None, options: list[str], reason: str, tmp_path: Path
) -> None:
    users = tmp_path / "users"
    if text is not None:
        users.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(ZooKeeperError) as told:
        server_options.settings(parsed("--sasl-users", str(users), *options))

    assert str(told.value) == reason.format(users=users)
