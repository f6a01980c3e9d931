import socket

import pytest

from zc.zk.cli.main import main


def test_a_command_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])

    assert end.value.code == 2
    assert capsys.readouterr().err == "zk: the following arguments are required: COMMAND\n"


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["serve"])

    assert end.value.code == 2
    assert "'serve'" in capsys.readouterr().err


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    assert end.value.code == 0
    assert "server" in capsys.readouterr().out


def test_a_failure_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["server", "--port", str(port)])

    assert code == 1
    assert capsys.readouterr().err == (
        f"zk: cannot listen on 127.0.0.1:{port}: address already in use\n"
    )
