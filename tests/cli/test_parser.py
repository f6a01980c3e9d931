import pytest

from zc.zk.cli.parser import Parser


def test_a_mistake_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="zk")
    parser.add_argument("--port", type=int)

    with pytest.raises(SystemExit) as end:
        parser.parse_args(["--port", "high"])

    assert end.value.code == 2
    assert capsys.readouterr().err == "zk: argument --port: invalid int value: 'high'\n"
