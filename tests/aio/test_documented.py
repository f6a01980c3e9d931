"""What both clients have is documented once."""

import inspect

import pytest

from zc.zk import Client, aio
from zc.zk.aio.documented import documented


class Face:
    def shared(self) -> None:
        """Say it here."""

    def other(self) -> None:
        """Say something else."""

    @property
    def shown(self) -> int:
        """Show it."""
        return 1


@documented(Face)
class Own:
    def shared(self) -> None:
        return

    def other(self) -> None:
        """Have a text of its own."""

    def alone(self) -> None:
        return

    @property
    def shown(self) -> int:
        return 2

    def _private(self) -> None:
        return


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shared", "Say it here."),
        ("other", "Have a text of its own."),
        ("shown", "Show it."),
        ("alone", None),
        ("_private", None),
    ],
)
def test_a_name_is_documented_where_it_is_defined_first(name: str, text: str | None) -> None:
    assert inspect.getattr_static(Own, name).__doc__ == text


def test_the_first_face_that_knows_a_name_documents_it() -> None:
    class Later:
        def shared(self) -> None:
            """Come too late."""

        def alone(self) -> None:
            """Know what the first does not."""

    class Both:
        def shared(self) -> None:
            return

        def alone(self) -> None:
            return

    documented(Face, Later)(Both)

    assert Both.shared.__doc__ == "Say it here."
    assert Both.alone.__doc__ == "Know what the first does not."


def test_the_clients_say_the_same_of_a_call() -> None:
    assert aio.Client.get.__doc__ == Client.get.__doc__
    assert aio.Client.stop.__doc__ == Client.stop.__doc__
    assert aio.ZooKeeper.client.__doc__
