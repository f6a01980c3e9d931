"""Trees as lines of JSON: there and back, and what is no tree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zc.zk.cli.treelines import Entry, TreeLinesError, read, write
from zc.zk.security import ACL, Id

LOCKED = (ACL(31, Id("digest", "bob:ha:sh=")), ACL(1, Id("ip", "::1")), ACL(0, Id("auth", "")))
FIRST, LAST = '{"zk-tree": 1}', '{"nodes": 1}'


def test_a_tree_is_one_line_for_each_node_between_a_first_and_a_last() -> None:
    entries = [
        Entry("/", b""),
        Entry("/a", "é\n\u2028".encode(), (ACL(1, Id("world", "anyone")),)),
        Entry("/a/b", b"\xff", container=True),
        Entry("/c", b"", ttl=5000),
    ]

    lines = list(write(entries))

    assert [json.loads(line) for line in lines] == [
        {"zk-tree": 1},
        {"path": "/", "data": ""},
        {"path": "/a", "data": "é\n\u2028", "acl": ["world:anyone:r"]},
        {"path": "/a/b", "base64": "/w==", "container": True},
        {"path": "/c", "data": "", "ttl": 5000},
        {"nodes": 4},
    ]
    assert not any("\n" in line for line in lines)
    assert list(read(lines)) == entries


@given(
    st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore")),
    st.lists(st.integers(0, 31), min_size=1, max_size=3),
)
def test_any_data_and_permissions_come_back(data: bytes, perms: list[int]) -> None:
    entry = Entry("/", data, tuple(ACL(each, Id("digest", "a:b=")) for each in perms))

    assert list(read(write([entry]))) == [entry]


def test_identities_with_colons_come_back() -> None:
    assert next(read(write([Entry("/", b"", LOCKED)]))).acl == LOCKED


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"path": "/", "data": "", "what": 1}', "nobody knows 'what'"),
        ('{"data": ""}', "a path must be a string"),
        ('{"path": "a", "data": ""}', "it does not start with a slash"),
        ('{"path": "/a", "data": ""}', "the parent of /a does not stand above it"),
        ('{"path": "/"}', 'there must be either "data" or "base64"'),
        ('{"path": "/", "data": "", "base64": ""}', 'there must be either "data" or "base64"'),
        ('{"path": "/", "data": 1}', "its data are no string"),
        ('{"path": "/", "data": "\\ud800"}', "its data cannot be decoded"),
        ('{"path": "/", "base64": "?"}', "its data cannot be decoded"),
        ('{"path": "/", "data": "", "acl": []}', "its ACL is not a list with entries"),
        ('{"path": "/", "data": "", "acl": ["world:r"]}', "not scheme:id:permissions"),
        ('{"path": "/", "data": "", "acl": ["world:anyone:rx"]}', "not scheme:id:permissions"),
        ('{"path": "/", "data": "", "acl": [1]}', "not scheme:id:permissions"),
        ('{"path": "/", "data": "", "ttl": 0}', '"ttl" is no number'),
        ('{"path": "/", "data": "", "ttl": true}', '"ttl" is no number'),
        ('{"path": "/", "data": "", "container": 1}', '"container" is neither'),
        ('{"nodes": 2}', "it counts 2 nodes, but there are 0"),
    ],
)
def test_a_wrong_line_is_named(line: str, text: str) -> None:
    with pytest.raises(TreeLinesError) as caught:
        list(read([FIRST, line, LAST]))

    assert str(caught.value).startswith("line 2 is wrong: ")
    assert text in str(caught.value)


def test_another_first_line_is_refused() -> None:
    with pytest.raises(TreeLinesError, match="line 1 is wrong: it is not"):
        list(read(['{"path": "/", "data": ""}', LAST]))


def test_a_tree_whose_end_is_missing_is_refused() -> None:
    lines = list(write([Entry("/", b""), Entry("/a", b"")]))

    for count in range(len(lines)):
        with pytest.raises(TreeLinesError, match="before the line that counts"):
            list(read(lines[:count]))
    with pytest.raises(TreeLinesError, match="line 3 is wrong: it counts 2 nodes"):
        list(read([*lines[:2], lines[-1]]))


def test_what_stands_twice_or_behind_the_end_is_refused() -> None:
    node = '{"path": "/", "data": ""}'

    with pytest.raises(TreeLinesError, match="/ stood above already"):
        list(read([FIRST, node, node]))
    with pytest.raises(TreeLinesError, match="line 4 is wrong: it stands behind"):
        list(read([FIRST, node, LAST, node]))
