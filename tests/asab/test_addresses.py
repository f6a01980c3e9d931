import re

import pytest

from zc.zk.asab.addresses import absolute, find
from zc.zk.errors import ArgumentError, ArgumentTypeError

OWN = {"servers": "own-1:2181,own-2:2181", "path": "myfolder"}
NOTHING: dict[str, str] = {"servers": "", "path": ""}


@pytest.mark.parametrize(
    ("url", "servers", "path"),
    [
        ("zookeeper://a:1,b:2,c:3/etc/configs/file1", "a:1,b:2,c:3", "etc/configs/file1"),
        ("zookeeper:///etc/configs/file1", OWN["servers"], "etc/configs/file1"),
        ("zookeepers:///etc/configs/file1", OWN["servers"], "etc/configs/file1"),
        ("zookeeper:./etc/configs/file1", OWN["servers"], "myfolder/etc/configs/file1"),
        ("zookeeper:./", OWN["servers"], "myfolder"),
        ("zookeeper:.", OWN["servers"], "myfolder"),
        (" zookeeper:///etc\n", OWN["servers"], "etc"),
        ("zk:./etc", OWN["servers"], "myfolder/etc"),
        ("zk://./etc", OWN["servers"], "myfolder/etc"),
        ("zk://.", OWN["servers"], "myfolder"),
        ("zk://", OWN["servers"], "myfolder"),
        ("ZooKeeper://A:1/B", "A:1", "B"),
        ("zookeeper://a:1", "a:1", "myfolder"),
        ("zookeeper://a:1/", "a:1", ""),
        ("zookeeper://[::1]:2181/x", "[::1]:2181", "x"),
        ("zookeeper:///a//b/", OWN["servers"], "a/b"),
        ("zookeeper:///what?is#this", OWN["servers"], "what?is#this"),
        ("/tenants", OWN["servers"], "tenants"),
        ("./tenants", OWN["servers"], "myfolder/tenants"),
        ("", OWN["servers"], "myfolder"),
        (None, OWN["servers"], "myfolder"),
    ],
)
def test_what_a_url_lacks_is_taken_from_the_configuration(
    url: str | None, servers: str, path: str
) -> None:
    assert find(url, [OWN]) == (servers, path)


def test_each_part_comes_from_the_first_that_has_it() -> None:
    place = find(None, [{"servers": " ", "path": "own"}, NOTHING, {"servers": "c:1"}, OWN])

    assert place == ("c:1", "own")


def test_the_default_path_is_that_of_asab() -> None:
    assert find("zookeeper://a:1", [NOTHING]).path == "asab"
    assert find("zookeeper:./x", [{"servers": "a:1"}]).path == "asab/x"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a:1/x", "the scheme is 'http'"),
        ("a:2181/x", "the scheme is 'a'"),
        ("zookeeper:etc/configs", "neither / nor ./"),
        ("zookeeper:../up", "neither / nor ./"),
        ("zookeeper:./../up", "a part that is . or .."),
        ("zookeeper:///a/../b", "a part that is . or .."),
        ("zookeeper://a:port/x", "'a:port'"),
        ("zookeeper://a:1:2/x", "'a:1:2'"),
        ("zookeeper://,/x", "no server"),
        ("zookeeper:///a\0b", "U+0000"),
    ],
)
def test_a_url_that_cannot_be_is_named_with_its_fault(url: str, words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)) as caught:
        find(url, [OWN])

    assert "\n" not in str(caught.value)


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(ArgumentError) as caught:
        find("zookeeper://user:secret@a:1/x", [OWN])

    assert "secret" not in str(caught.value)


def test_a_url_is_a_string() -> None:
    with pytest.raises(ArgumentTypeError, match="not int"):
        find(2181, [OWN])  # type: ignore[arg-type]


def test_without_any_server_nothing_is_found() -> None:
    with pytest.raises(ArgumentError, match="no ZooKeeper server is configured"):
        find("zookeeper:///etc", [NOTHING])


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("asab/x", "/asab/x"),
        ("/asab//x/", "/asab/x"),
        ("", "/"),
        ("/", "/"),
        (None, None),
    ],
)
def test_a_path_needs_no_first_slash(path: str, whole: str) -> None:
    assert absolute(path) == whole


def test_a_sequential_node_may_have_a_number_alone_for_a_name() -> None:
    assert absolute("asab/", keeps_last_slash=True) == "/asab/"
    assert absolute("/", keeps_last_slash=True) == "/"
