"""The answers to four-letter words that list things, as Apache's look (protocol.md, 16)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from zc.zk.codes import OpCode
from zc.zk.server.status import Connection, Status

_OPERATIONS: dict[int | None, str] = {
    None: "NA",
    OpCode.CREATE: "CREA",
    OpCode.CREATE2: "CREA",
    OpCode.CREATE_CONTAINER: "CREA",
    OpCode.CREATE_TTL: "CREA",
    OpCode.DELETE: "DELE",
    OpCode.EXISTS: "EXIS",
    OpCode.GET_DATA: "GETD",
    OpCode.SET_DATA: "SETD",
    OpCode.GET_ACL: "GETA",
    OpCode.SET_ACL: "SETA",
    OpCode.GET_CHILDREN: "GETC",
    OpCode.GET_CHILDREN2: "GETC",
    OpCode.GET_ALL_CHILDREN_NUMBER: "GETACN",
    OpCode.GET_EPHEMERALS: "GETE",
    OpCode.SYNC: "SYNC",
    OpCode.PING: "PING",
    OpCode.MULTI: "MULT",
    OpCode.MULTI_READ: "MLTR",
    OpCode.RECONFIG: "RECO",
    OpCode.CHECK_WATCHES: "CHKW",
    OpCode.REMOVE_WATCHES: "REMW",
    OpCode.SET_WATCHES: "SETW",
    OpCode.SET_WATCHES2: "STW2",
    OpCode.ADD_WATCH: "ADDW",
    OpCode.WHO_AM_I: "HOMI",
    OpCode.CLOSE_SESSION: "CLOS",
}
_DAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")  # the epoch began on a Thursday
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def conf(status: Status) -> Iterator[str]:
    """List what the server was started with."""
    settings, place = status.store.settings, status.place
    values: dict[str, object] = {
        "clientPort": place.port,
        "secureClientPort": place.secure_port,
        "dataDir": place.data_dir,
        "dataDirSize": place.folder_bytes(),
        "dataLogDir": place.data_dir,
        "dataLogSize": place.folder_bytes(),
        "tickTime": round(settings.tick_time * 1000),
        "maxClientCnxns": settings.most_connections_per_host,
        "minSessionTimeout": settings.negotiated_timeout(0),
        "maxSessionTimeout": round(settings.max_session_timeout * 1000),
        "clientPortListenBacklog": -1,
        "serverId": 0,
    }
    return (f"{name}={value}\n" for name, value in values.items())


def dirs(status: Status) -> Iterator[str]:
    """Tell the size of the folder."""
    size = status.place.folder_bytes()
    return iter([f"datadir_size: {size}\n", f"logdir_size: {size}\n"])


def brief(connection: Connection) -> str:
    """Return what `stat` and the beginning of a line of `cons` tell of a connection."""
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    return (
        f" /{host}:{connection.port}[{0 if connection.is_asking else 1}]"
        f"(queued=0,recved={connection.received},sent={connection.sent}"
    )


def cons(status: Status) -> Iterator[str]:
    """List the connections and what was last done on each."""
    for each in status.connections():
        yield brief(each)
        if each.session_id:
            yield from _details(each, status)
        yield ")\n"
    yield "\n"


def _details(each: Connection, status: Status) -> Iterator[str]:
    store, latency = status.store, each.latency
    yield f",sid={each.session_id:#x},lop={_OPERATIONS.get(each.opcode, '????')}"
    yield f",est={int(store.wall(each.since) * 1000)},to={each.timeout}"
    if each.opcode is not None:
        yield f",lcxid={each.xid & 0xFFFFFFFF:#x}"
    yield f",lzxid={each.zxid & 0xFFFFFFFFFFFFFFFF:#x},lresp={int(each.answered_at * 1000)}"
    yield f",llat={latency.last},minlat={latency.shortest}"
    yield f",avglat={int(latency.average)},maxlat={latency.longest}"


def dump(status: Status) -> Iterator[str]:
    """List when which sessions and connections end, and who owns ephemeral nodes."""
    store = status.store
    sessions = {session.id: end for end, session in store.served_sessions.ends()}
    yield "SessionTracker dump:\n"
    yield from _sets("Session", status, [(end, f"{each:#x}") for each, end in sessions.items()])
    yield "ephemeral nodes dump:\n"
    yield f"Sessions with Ephemerals ({len(store.tree.ephemerals)}):\n"
    for owner, paths in store.tree.ephemerals.items():
        yield f"{owner:#x}:\n"
        yield from (f"\t{path}\n" for path in paths)
    yield "Connections dump:\n"
    connections = [
        (each.ends_at, f"ip: /{each.host}:{each.port} sessionId: {each.session_id:#x}")
        for each in status.connections()
    ]
    yield from _sets("Connections", status, connections)


def _sets(name: str, status: Status, ends: Iterable[tuple[float, str]]) -> Iterator[str]:
    sets: defaultdict[float, list[str]] = defaultdict(list)
    for end, text in ends:
        sets[end].append(text)
    yield f"{name} Sets ({len(sets)})/({sum(map(len, sets.values()))}):\n"
    for end in sorted(sets):
        yield f"{len(sets[end])} expire at {date(status.store.wall(end))}:\n"
        yield from (f"\t{text}\n" for text in sets[end])


def wchc(status: Status) -> Iterator[str]:
    """List the watches on nodes by session."""
    by_session: defaultdict[int, list[str]] = defaultdict(list)
    for path, sessions in _watched(status).items():
        for session in sessions:
            by_session[session].append(path)
    for session, paths in by_session.items():
        yield f"{session:#x}\n"
        yield from (f"\t{path}\n" for path in paths)
    yield "\n"


def wchp(status: Status) -> Iterator[str]:
    """List the watches on nodes by path."""
    for path, sessions in _watched(status).items():
        yield f"{path}\n"
        yield from (f"\t{session:#x}\n" for session in sessions)
    yield "\n"


def _watched(status: Status) -> Mapping[str, list[int]]:
    return {
        path: [watcher.session_id for watcher in watchers]
        for path, watchers in status.store.watches.data.items()
    }


def date(seconds: float) -> str:
    """Return a time since the epoch as Java writes it, such as `Thu Jan 01 00:00:00 UTC 1970`."""
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    # Years begin in March here, so that the odd day comes last.
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    year = year_of_era + era * 400 + (month >= len(_MONTHS) - 2)
    time = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    return f"{_DAYS[days % 7]} {_MONTHS[(month + 2) % 12]} {day:02} {time} UTC {year}"
