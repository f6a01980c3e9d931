import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk import paths
from zc.zk.errors import ArgumentError, ArgumentTypeError, UsageError

NAMES = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Co", "Cc"]).filter(
        lambda character: character != "/" and not "\ufff0" <= character <= "\uffff"
    ),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in {".", ".."})
PATHS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))
FAULTS = {
    "": "not a path, it is empty: ''",
    "a": "not a path, it does not start with a slash: 'a'",
    "/a/": "not a path, it ends with a slash: '/a/'",
    "/a//b": "not a path, it has an empty part: '/a//b'",
    "//": "not a path, it has an empty part: '//'",
    "/a/./b": "not a path, it has a part that is . or ..: '/a/./b'",
    "/..": "not a path, it has a part that is . or ..: '/..'",
    "/a\0": "not a path, it holds U+0000: '/a\\x00'",
    "/\ud800": "not a path, it holds U+D800: '/\\ud800'",
}


@given(PATHS)
def test_every_path_of_legal_names_is_accepted_as_it_is(path: str) -> None:
    assert paths.validate(path) == path


@pytest.mark.parametrize("path", ["/", "/.x", "/..x", "/...", "/a b", "/\uf900", "/\xa0", "/é/ü"])
def test_what_real_servers_accept_is_accepted(path: str) -> None:
    assert paths.validate(path) == path


@pytest.mark.parametrize(("path", "text"), FAULTS.items())
def test_the_error_says_what_is_wrong_with_the_path(path: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
        paths.validate(path)


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\x01", "\x1f", "\x7f", "\x9f", "\ud800", "\udfff", "\ue000", "\uf8ff"),
        *("\ufff0", "\uffff", "\U00010000", "\U0001f600"),
    ],
)
def test_characters_that_servers_refuse_are_refused(character: str) -> None:
    with pytest.raises(ArgumentError):
        paths.validate(f"/a{character}b")


@pytest.mark.parametrize("path", [None, 1, b"/a", ["/a"]])
def test_what_is_not_a_string_is_a_type_error(path: object) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^a path must be a string, not ") as caught:
        paths.validate(path)

    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize("path", ["/a/", "/", "/a", "/a/b-"])
def test_a_sequential_path_may_end_with_a_slash(path: str) -> None:
    assert paths.validate_sequential(path) == path


@pytest.mark.parametrize("path", ["", "a", "/a//", None, 7])
def test_a_sequential_path_is_otherwise_a_path(path: object) -> None:
    with pytest.raises(UsageError):
        paths.validate_sequential(path)


@given(NAMES)
def test_a_legal_name_is_accepted_as_it_is(name: str) -> None:
    assert paths.validate_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "\n", "a\0"])
def test_what_no_child_can_be_called_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError):
        paths.validate_name(name)


def test_a_name_with_a_slash_is_refused_as_one() -> None:
    with pytest.raises(ArgumentError, match=r"^not a node name, it holds a slash: 'a/b'$"):
        paths.validate_name("a/b")


@given(PATHS, NAMES)
def test_parent_and_name_take_apart_what_join_put_together(path: str, name: str) -> None:
    joined = paths.join(path, name)

    assert (paths.parent(joined), paths.name(joined)) == (path, name)
    assert paths.validate(joined)


def test_the_root_is_its_own_parent() -> None:
    assert paths.parent("/") == "/"


@given(PATHS.map(lambda path: "" if path == "/" else path), PATHS)
def test_a_chroot_goes_as_it_came(root: str, path: str) -> None:
    assert paths.without(root, paths.under(root, path)) == path


def test_the_root_under_a_chroot_is_the_chroot() -> None:
    assert paths.under("/app", "/") == "/app"


@pytest.mark.parametrize("path", ["/zookeeper/config", "/application", "/ap"])
def test_a_path_outside_the_chroot_stays_as_it_is(path: str) -> None:
    assert paths.without("/app", path) == path


def test_an_error_shows_no_more_of_a_path_than_tells_it() -> None:
    with pytest.raises(ValueError, match="it does not start with a slash") as failed:
        paths.validate("x" * 100_000)

    assert len(str(failed.value)) < 300
