"""Apache's own command line finds no difference between the embedded server and a real one."""

from collections.abc import Iterator

import pytest

from tests.judges.javaclient import in_order, masked, run_commands
from tests.leaks import LeakGuard
from tests.server.stories import CLASSPATHS, Pair, pair_of


@pytest.fixture(params=CLASSPATHS, ids=["3.8", "3.9"])
def pair(request: pytest.FixtureRequest, leak_guard: LeakGuard) -> Iterator[Pair]:
    with pair_of(request.param, leak_guard) as pair:
        yield pair


NODES = """
ls /
ls -s /
ls -R /
stat /
get -s /zookeeper
create /a first
create /a again
create /none/b x
create /a/b "two words"
create -s /a/seq- 1
create -s /a/seq- 2
create -e /a/eph mine
create -e -s /a/eph- mine
create /a/eph/child x
create -c /a/container x
create -t 1000000 /a/ttl x
create -t 1000000 -s /a/ttl- x
create -e -t 5 /a/both
create -e -c /a/both
create -t 0 /a/both x
create /a/empty
create /a/bad/ x
create relative x
create /a//b x
create /a/limited x world:anyone:r
create /a/unknown x nobody:anyone:r
ls /a
ls -s /a
ls -R /a
ls /none
get /a
get -s /a/b
get -s /a/eph
get -s /a/seq-0000000000
get -s /a/ttl
get -s /a/container
get -s /a/empty
get /none
stat /a
stat /a/eph
stat /none
set /a second
set -s /a third
set -v 2 /a fourth
set -v 2 /a fifth
set /none x
set /a/limited x
stat /a
delete -v 7 /a/b
delete -v 0 /a/b
delete /a/b
delete /a
delete /none
delete /
delete /zookeeper
getAllChildrenNumber /
getAllChildrenNumber /a
getAllChildrenNumber /none
getEphemerals
getEphemerals /a
getEphemerals /none
sync /a
sync /none
deleteall /a
deleteall /none
ls -R /
"""

PERMISSIONS = """
whoami
create /acl x
getAcl /acl
getAcl -s /acl
getAcl /none
addauth digest bob:pw
addauth digest eve:pw
addauth ip x
whoami
create /acl/mine x auth::cdrwa
getAcl /acl/mine
setAcl /acl world:anyone:r,digest:bob:ikIaKsbtGweaHnb/jKn7OHqbunM=:cdrwa
setAcl -s /acl world:anyone:rwcda
setAcl -v 9 /acl world:anyone:r
setAcl -v 2 /acl world:anyone:rcda
getAcl -s /acl
set /acl y
setAcl /acl nobody:x:r
setAcl /acl world:anyone:
setAcl /acl ip:127.0.0.1:rcdwa
setAcl /acl ip:127.0.0.256:rcdwa
setAcl -R /acl world:anyone:cdrwa
getAcl /acl/mine
create /acl/locked x digest:carl:x:cdrwa
get /acl/locked
set /acl/locked y
ls /acl/locked
getAcl /acl/locked
create /acl/locked/x x
setAcl /acl/locked world:anyone:r
delete /acl/locked
config
config -s
get -s /zookeeper/config
reconfig -remove 1
reconfig -add server.2=localhost:1:2;3
addauth sasl x
"""

WATCHES = """
create /w x
ls -w /w
get -w /w
stat -w /w
stat -w /w/none
set /w y
create /w/n x
create /w/none x
get -w /w/n
removewatches /w/n -d
removewatches /w/n -d
removewatches /w/n
set /w/n quiet
addWatch /w
addWatch -m PERSISTENT /w/n
addWatch -m NOPE /w/n
set /w z
set /w/n z
create /w/n/deep x
set /w/n/deep y
delete /w/n/deep
removewatches /w -a
set /w/n z
removewatches /w/n -c
removewatches /none
set /w quiet
get -w /w
deleteall /w
sync /
sync /
"""

QUOTAS = """
create /q x
listquota /q
setquota -n 2 /q
listquota /q
create /q/a 12345
create /q/b 12345
create /q/c 12345
listquota /q
setquota -b 5 /q
listquota /q
setquota -N 4 /q
setquota -B 100 /q
listquota /q
create /q/d x
setquota -n 3 /q/a
setquota -n 3 /none
setquota -n 3 /zookeeper
ls -R /zookeeper
get /zookeeper/quota/q/zookeeper_limits
get /zookeeper/quota/q/zookeeper_stats
set /q/a 1
delete /q/b
get /zookeeper/quota/q/zookeeper_stats
delquota -b /q
listquota /q
delquota -N /q
delquota /q
listquota /q
delquota /none
ls -R /zookeeper
"""
SCRIPTS = {"nodes": NODES, "permissions": PERMISSIONS, "watches": WATCHES, "quotas": QUOTAS}


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    [
        "nodes",
        "permissions",
        "watches",
        "quotas",
    ],
)
def test_the_command_line_is_answered_alike_by_both(name: str, pair: Pair) -> None:
    commands = SCRIPTS[name].strip().splitlines()

    real, ours = (
        run_commands(server.port, pair.version, commands) for server in (pair.apache, pair.embedded)
    )

    assert len(real.lines) >= len(commands) / 2, real
    assert ours.lines == real.lines
    assert ours.events == real.events


def test_what_differs_between_servers_is_masked() -> None:
    said = "cZxid = 0x12\nmZxid = 0x15\npZxid = 0x0\nctime = now\nephemeralOwner = 0x1ab\nzxid: 20"

    assert masked(said).splitlines() == [
        "cZxid = first+0",
        "mZxid = first+3",
        "pZxid = 0x0",
        "ctime = TIME",
        "ephemeralOwner = OWNER",
        "zxid: first+2",
    ]


def test_identities_are_in_no_order() -> None:
    assert in_order(["z", "ip: 1", "digest: b", "a"]) == ["z", "digest: b", "ip: 1", "a"]
