"""Values of every kind that operations carry: as hypothesis strategies, and one of each."""

from typing import Any

from hypothesis import strategies as st

from zc.zk import operations as ops
from zc.zk.codes import CreateFlag
from zc.zk.records import Stat
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
CREATIONS = (PATHS, DATA, st.lists(ACLS, max_size=3).map(tuple), st.sampled_from(list(CreateFlag)))
EXCHANGES: st.SearchStrategy[Exchange] = st.one_of(
    st.tuples(st.builds(ops.Create, *CREATIONS), PATHS),
    st.tuples(st.builds(ops.Create2, *CREATIONS), st.tuples(PATHS, STATS)),
    st.tuples(st.builds(ops.Delete, PATHS, INTS), st.none()),
    st.tuples(st.builds(ops.Exists, PATHS, WATCHED), STATS),
    st.tuples(st.builds(ops.GetData, PATHS, WATCHED), st.tuples(st.binary(max_size=40), STATS)),
    st.tuples(st.builds(ops.GetChildren, PATHS, WATCHED), st.lists(NAMES, max_size=4)),
    st.tuples(
        st.builds(ops.GetChildren2, PATHS, WATCHED), st.tuples(st.lists(NAMES, max_size=4), STATS)
    ),
    st.tuples(st.builds(ops.SetData, PATHS, DATA, INTS), STATS),
    st.tuples(st.builds(ops.GetACL, PATHS), st.tuples(st.lists(ACLS, max_size=3), STATS)),
    st.tuples(st.builds(ops.SetACL, PATHS, st.lists(ACLS, max_size=3).map(tuple), INTS), STATS),
    st.tuples(st.builds(ops.Sync, PATHS), PATHS),
    st.tuples(st.builds(ops.Ping), st.none()),
    st.tuples(st.builds(ops.CloseSession), st.none()),
    st.tuples(st.builds(ops.Auth, TEXTS, DATA), st.none()),
    st.tuples(st.builds(ops.SetWatches, LONGS, PATH_LISTS, PATH_LISTS, PATH_LISTS), st.none()),
)

STAT = Stat(4, 5, 1500, 2500, 3, 4, 5, 9, 6, 7, 12)
_ACL = OPEN_ACL_UNSAFE[0]
ONE_OF_EACH: tuple[Exchange, ...] = (
    (ops.Create("/a", b"x"), "/a"),
    (ops.Create2("/a", b"x"), ("/a", STAT)),
    (ops.Delete("/a"), None),
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
)
