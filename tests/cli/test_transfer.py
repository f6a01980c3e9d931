"""`zk export`, `zk import` and `zk copy` as a user calls them."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.trees import client_of, fill, tree_of
from tests.ports import free_port
from tests.realserver import RealServer
from tests.servers import AnyServer
from zc.zk.cli.main import main
from zc.zk.security import CREATOR_ALL_ACL
from zc.zk.testing import Server


def failed(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Give the one line that tells of an error."""
    capsys.readouterr()
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, error = capsys.readouterr()
    assert code in (1, 2)
    assert out == ""
    assert error.count("\n") == 1
    return error


def test_a_tree_goes_to_a_real_server_and_back_and_is_the_same(
    real_server: RealServer,
    fresh_chroot: Callable[[AnyServer], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    middle = real_server.address + fresh_chroot(real_server)
    with Server() as first, Server() as second:
        fill(f"{first.address}/app")

        assert main(["copy", f"{first.address}/app", f"{middle}/app"]) == 0
        assert main(["copy", f"{middle}/app", f"{second.address}/other/app"]) == 0

        before = tree_of(f"{first.address}/app")
        assert len(before) > 300
        assert tree_of(f"{middle}/app") == before
        assert tree_of(f"{second.address}/other/app") == before
    assert (
        capsys.readouterr().out == f"{len(before)} nodes created, 0 changed, 0 as they were\n" * 2
    )


def test_a_whole_server_is_exported_and_imported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as first, Server() as second, Server() as third:
        fill(first.address)
        with client_of(first.address) as client:
            client.create("/e", ephemeral=True)

            assert main(["export", first.address]) == 0

        text, error = capsys.readouterr()
        assert error == "zk: 1 ephemeral nodes are left out\n"
        (tmp_path / "tree").write_text(text, encoding="utf-8")
        assert main(["import", second.address, str(tmp_path / "tree")]) == 0
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert main(["import", third.address]) == 0
        before = tree_of(first.address)

        assert tree_of(second.address) == before
        assert tree_of(third.address) == before


def test_a_part_is_exported(
    server: AnyServer, chroot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with client_of(server.address + chroot) as client:
        client.create("/a/b", b"1", makepath=True)

    assert main(["export", server.address, f"{chroot}/a"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line).get("path") for line in lines] == [None, "/", "/b", None]


def test_a_second_copy_is_refused_and_may_be_made_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Server() as server:
        fill(f"{server.address}/a")
        copy = ("copy", f"{server.address}/a", f"{server.address}/b")
        assert main(copy) == 0
        count = len(tree_of(f"{server.address}/a"))

        error = failed(*copy, capsys=capsys)
        assert main([*copy, "--overwrite", "--dry-run"]) == 0
        assert main([*copy, "--overwrite"]) == 0

    assert error == f"zk: {count - 1} nodes are there already, /big is the first: use --overwrite\n"
    assert capsys.readouterr().out == (
        f"0 nodes would be created, 0 changed, {count} as they were\n"
        f"0 nodes created, 0 changed, {count} as they were\n"
    )


def test_progress_is_shown_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as server:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)

        assert main(["copy", server.address, f"{server.address}/b"]) == 0

    assert "1 nodes read" in capsys.readouterr().err


def test_an_identity_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Server() as server:
        with client_of(f"{server.address}/a") as client:
            client.ensure_path("/")
            client.add_auth("digest", "bob:secret")
            client.create("/n", b"1", CREATOR_ALL_ACL)
        copy = ("copy", f"{server.address}/a", f"{server.address}/b")

        error = failed(*copy, capsys=capsys)
        assert main([*copy, "--auth", "digest:bob:secret"]) == 0

    assert "/n" in error


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("export", "http://x"), "http://x: "),
        (("import", "localhost", "/none/file"), "No such file"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert text in failed(*arguments, capsys=capsys)


def test_a_text_that_is_no_tree_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for data in (b"hello\n", b"\xff\n", b""):
        (tmp_path / "tree").write_bytes(data)

        error = failed("import", "localhost", str(tmp_path / "tree"), capsys=capsys)

        assert error.startswith(f"zk: cannot read {tmp_path / 'tree'}: ")


def test_a_server_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zc.zk.cli.transfer._SECONDS_TO_CONNECT", 0.5)

    error = failed("export", f"127.0.0.1:{free_port()}", capsys=capsys)

    assert "refused" in error
