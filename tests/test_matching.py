from pathlib import Path

import pytest

from tests.sources import PROJECT, Source, sources

TESTS = PROJECT / "tests"
# What a package gives to those who import it has a test of its own.
ELSEWHERE = {"": TESTS / "test_public_names.py"}


def places_of_tests(source: Source) -> list[Path]:
    """Give where the tests of a module may be: a module of its name, or a folder of test modules."""
    if source.name in ELSEWHERE:
        return [ELSEWHERE[source.name]]
    *folders, name = source.name.split(".")
    folder = TESTS.joinpath(*folders)
    return [folder / f"test_{name}.py", *(folder / name).glob("test_*.py")]


@pytest.mark.parametrize(
    "source",
    [source for source in sources() if not source.is_empty],
    ids=lambda source: source.name or "zc.zk",
)
def test_every_module_has_tests_of_its_name(source: Source) -> None:
    assert any(path.exists() for path in places_of_tests(source)), (
        f"{source.name}: no {places_of_tests(source)[0].relative_to(PROJECT)}"
    )
