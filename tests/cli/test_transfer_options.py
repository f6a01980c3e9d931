import pytest

from zc.zk.cli import transfer_options
from zc.zk.cli.parser import Parser


def parser() -> Parser:
    it = Parser(prog="zk")
    transfer_options.add_commands(it.add_subparsers())
    return it


def test_a_copy_goes_from_one_to_another_with_identities() -> None:
    options = ["--auth", "digest:bob:secret", "--auth", "digest:eve:x", "--overwrite", "--dry-run"]

    read = parser().parse_args(["copy", "here", "there", *options])

    assert (getattr(read, "from"), read.to) == ("here", "there")
    assert read.auth == [("digest", "bob:secret"), ("digest", "eve:x")]
    assert read.overwrite
    assert read.dry_run


def test_an_export_is_of_all_unless_told_otherwise() -> None:
    assert parser().parse_args(["export", "here"]).path == "/"
    assert parser().parse_args(["export", "here", "/a"]).path == "/a"


def test_an_import_reads_the_standard_input_unless_told_otherwise() -> None:
    assert parser().parse_args(["import", "there"]).file == "-"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["export", "localhost", "a"], "it does not start with a slash"),
        (["export", "localhost", "--auth", "x"], "an identity is SCHEME:CREDENTIAL"),
        (["copy", "localhost"], "TO"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)

    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
