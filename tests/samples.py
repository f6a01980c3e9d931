"""Values of every kind that operations carry: as hypothesis strategies, and one of each."""

from typing import Any

from hypothesis import strategies as st

from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag, WatcherType
from zc.zk.records import ClientInfo, Stat
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, Id

INTS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text("abcdé-0", min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
DATA = st.none() | st.binary(max_size=40)
ACLS = st.builds(ACL, INTS, st.builds(Id, TEXTS, TEXTS))
STATS = st.builds(Stat, LONGS, LONGS, LONGS, LONGS, INTS, INTS, INTS, LONGS, INTS, INTS, LONGS)
WATCHED = st.none() | st.builds(ops.Watch)
PATH_LISTS = st.lists(PATHS, max_size=4).map(tuple)

# Each operation, and what it is answered with.
Exchange = tuple[ops.Operation[Any], Any]  # Any: answers of every type
ACL_LISTS = st.lists(ACLS, max_size=3).map(tuple)
CREATIONS = (PATHS, DATA, ACL_LISTS, st.sampled_from(list(CreateFlag)))
# With None for a status that was not given, as by older servers: a result of a transaction alone.
WRITES: st.SearchStrategy[Exchange] = st.one_of(
    st.tuples(st.builds(ops.Create, *CREATIONS), PATHS),
    st.tuples(st.builds(ops.Create2, *CREATIONS), st.tuples(PATHS, STATS)),
    st.tuples(st.builds(ops.CreateContainer, *CREATIONS), st.tuples(PATHS, STATS)),
    st.tuples(st.builds(ops.CreateTTL, *CREATIONS, LONGS), st.tuples(PATHS, STATS)),
    st.tuples(st.builds(ops.Delete, PATHS, INTS), st.just(True)),
    st.tuples(st.builds(ops.SetData, PATHS, DATA, INTS), STATS),
    st.tuples(st.builds(ops.Check, PATHS, INTS), st.just(True)),
)
READS: st.SearchStrategy[Exchange] = st.one_of(
    st.tuples(st.builds(ops.GetData, PATHS), st.tuples(st.binary(max_size=40), STATS)),
    st.tuples(st.builds(ops.GetChildren, PATHS), st.lists(NAMES, max_size=4)),
)


def _batch(cls: "type[ops.Multi | ops.MultiRead]", exchanges: list[Exchange]) -> Exchange:
    return cls(tuple(each for each, _ in exchanges)), [answer for _, answer in exchanges]


EXCHANGES: st.SearchStrategy[Exchange] = st.one_of(
    WRITES,
    st.lists(WRITES, max_size=3).map(lambda parts: _batch(ops.Multi, parts)),
    st.lists(READS, max_size=3).map(lambda parts: _batch(ops.MultiRead, parts)),
    st.tuples(st.builds(ops.Exists, PATHS, WATCHED), STATS),
    st.tuples(st.builds(ops.GetData, PATHS, WATCHED), st.tuples(st.binary(max_size=40), STATS)),
    st.tuples(st.builds(ops.GetChildren, PATHS, WATCHED), st.lists(NAMES, max_size=4)),
    st.tuples(
        st.builds(ops.GetChildren2, PATHS, WATCHED), st.tuples(st.lists(NAMES, max_size=4), STATS)
    ),
    st.tuples(st.builds(ops.GetACL, PATHS), st.tuples(st.lists(ACLS, max_size=3), STATS)),
    st.tuples(st.builds(ops.SetACL, PATHS, ACL_LISTS, INTS), STATS),
    st.tuples(st.builds(ops.GetEphemerals, PATHS), st.lists(PATHS, max_size=4)),
    st.tuples(st.builds(ops.GetAllChildrenNumber, PATHS), INTS),
    st.tuples(st.builds(ops.Sync, PATHS), PATHS),
    st.tuples(st.builds(ops.Ping), st.none()),
    st.tuples(st.builds(ops.CloseSession), st.none()),
    st.tuples(st.builds(ops.Auth, TEXTS, DATA), st.none()),
    st.tuples(st.builds(ops.Sasl, st.binary(max_size=40)), st.none() | st.binary(max_size=40)),
    st.tuples(st.builds(ops.WhoAmI), st.lists(st.builds(ClientInfo, TEXTS, TEXTS), max_size=3)),
    st.tuples(st.builds(ops.SetWatches, LONGS, *[PATH_LISTS] * 3), st.none()),
    st.tuples(st.builds(ops.SetWatches2, LONGS, *[PATH_LISTS] * 5), st.none()),
    st.tuples(
        st.builds(ops.AddWatch, PATHS, st.builds(ops.Watch), st.sampled_from(AddWatchMode)),
        st.none(),
    ),
    st.tuples(st.builds(ops.CheckWatches, PATHS, st.sampled_from(WatcherType)), st.none()),
    st.tuples(st.builds(ops.RemoveWatches, PATHS, st.sampled_from(WatcherType)), st.none()),
    st.tuples(
        st.builds(ops.Reconfig, *[st.none() | TEXTS] * 3, LONGS),
        st.tuples(st.binary(max_size=40), STATS),
    ),
)

STAT = Stat(4, 5, 1500, 2500, 3, 4, 5, 9, 6, 7, 12)
_ACL = OPEN_ACL_UNSAFE[0]
ONE_OF_EACH: tuple[Exchange, ...] = (
    (ops.Create("/a", b"x"), "/a"),
    (ops.Create2("/a", b"x"), ("/a", STAT)),
    (ops.Delete("/a"), True),
    (ops.Exists("/a"), STAT),
    (ops.GetData("/a"), (b"data", STAT)),
    (ops.GetChildren("/a"), ["b", "cd"]),
    (ops.GetChildren2("/a"), (["b", "cd"], STAT)),
    (ops.SetData("/a", b"x"), STAT),
    (ops.GetACL("/a"), ([_ACL], STAT)),
    (ops.SetACL("/a", (_ACL,)), STAT),
    (ops.Sync("/a"), "/a"),
    (ops.Ping(), None),
    (ops.CloseSession(), None),
    (ops.Auth("digest", b"a:b"), None),
    (ops.SetWatches(3, ("/a",), ("/b",), ("/c", "/d")), None),
    (ops.SetWatches2(3, ("/a",), ("/b",), ("/c", "/d"), ("/e",), ("/f", "/")), None),
    (ops.AddWatch("/a", ops.Watch(), AddWatchMode.PERSISTENT_RECURSIVE), None),
    (ops.CheckWatches("/a", WatcherType.DATA), None),
    (ops.RemoveWatches("/a"), None),
    (ops.CreateContainer("/a", b"x"), ("/a", STAT)),
    (ops.CreateTTL("/a", b"x", ttl=1500), ("/a", STAT)),
    (ops.Check("/a", 3), True),
    (
        ops.Multi((ops.Create2("/a"), ops.SetData("/a", b"x"), ops.Check("/b"), ops.Delete("/a"))),
        [("/a", STAT), STAT, True, True],
    ),
    (ops.MultiRead((ops.GetData("/a"), ops.GetChildren("/b"))), [(b"data", STAT), ["c"]]),
    (ops.GetEphemerals("/a"), ["/a/b", "/ab"]),
    (ops.GetAllChildrenNumber("/a"), 7),
    (ops.Sasl(b"token"), b"challenge"),
    (ops.WhoAmI(), [ClientInfo("digest", "bob"), ClientInfo("ip", "127.0.0.1")]),
    (ops.Reconfig("server.4=a:1:2;3", "5", None, 0x100000003), (b"version=7", STAT)),
)
