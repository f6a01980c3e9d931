"""The numbers and names that ZooKeeper's protocol and its users share."""

from enum import IntEnum, IntFlag, StrEnum


class OpCode(IntEnum):
    """What a request asks for, as its header says it."""

    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    GET_ACL = 6
    SET_ACL = 7
    GET_CHILDREN = 8
    SYNC = 9
    PING = 11
    GET_CHILDREN2 = 12
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CHECK_WATCHES = 17
    REMOVE_WATCHES = 18
    CREATE_CONTAINER = 19
    CREATE_TTL = 21
    MULTI_READ = 22
    AUTH = 100
    SET_WATCHES = 101
    SASL = 102
    GET_EPHEMERALS = 103
    GET_ALL_CHILDREN_NUMBER = 104
    SET_WATCHES2 = 105
    ADD_WATCH = 106
    WHO_AM_I = 107
    CLOSE_SESSION = -11


class Xid(IntEnum):
    """The transaction ids that are not counted, but mark a kind of packet."""

    EVENT = -1
    PING = -2
    AUTH = -4
    SET_WATCHES = -8


class CreateFlag(IntFlag):
    """The flags of a create request. Two are bits; the last three are modes, each for an operation of its own."""

    PERSISTENT = 0
    EPHEMERAL = 1
    SEQUENTIAL = 2
    CONTAINER = 4  # servers 3.5.1 and later
    TTL = 5  # servers 3.5.3 and later
    SEQUENTIAL_TTL = 6


class ErrorCode(IntEnum):
    """The error numbers of a reply header."""

    OK = 0
    SYSTEM_ERROR = -1
    RUNTIME_INCONSISTENCY = -2
    DATA_INCONSISTENCY = -3
    CONNECTION_LOSS = -4
    MARSHALLING_ERROR = -5
    UNIMPLEMENTED = -6
    OPERATION_TIMEOUT = -7
    BAD_ARGUMENTS = -8
    UNKNOWN_SESSION = -12
    NEW_CONFIG_NO_QUORUM = -13
    RECONFIG_IN_PROGRESS = -14
    API_ERROR = -100
    NO_NODE = -101
    NO_AUTH = -102
    BAD_VERSION = -103
    NO_CHILDREN_FOR_EPHEMERALS = -108
    NODE_EXISTS = -110
    NOT_EMPTY = -111
    SESSION_EXPIRED = -112
    INVALID_CALLBACK = -113
    INVALID_ACL = -114
    AUTH_FAILED = -115
    SESSION_MOVED = -118
    NOT_READ_ONLY = -119
    EPHEMERAL_ON_LOCAL_SESSION = -120
    NO_WATCHER = -121
    REQUEST_TIMEOUT = -122
    RECONFIG_DISABLED = -123
    SESSION_CLOSED_REQUIRE_SASL_AUTH = -124
    QUOTA_EXCEEDED = -125
    THROTTLED_OP = -127


class EventType(StrEnum):
    """What happened to a watched node; each member equals its own name."""

    NONE = "NONE"
    CREATED = "CREATED"
    DELETED = "DELETED"
    CHANGED = "CHANGED"
    CHILD = "CHILD"
    DATA_WATCH_REMOVED = "DATA_WATCH_REMOVED"
    CHILD_WATCH_REMOVED = "CHILD_WATCH_REMOVED"
    PERSISTENT_WATCH_REMOVED = "PERSISTENT_WATCH_REMOVED"


EVENT_TYPES: dict[int, EventType] = {
    -1: EventType.NONE,
    1: EventType.CREATED,
    2: EventType.DELETED,
    3: EventType.CHANGED,
    4: EventType.CHILD,
}
EVENT_NUMBERS: dict[EventType, int] = {kind: number for number, kind in EVENT_TYPES.items()}
# The events of removal are not here: the client makes them, no server sends them (protocol.md, 11.1).


class AddWatchMode(IntEnum):
    """Which changes a watch that stays is told of: those of its node and children, or those of all below it, too."""

    PERSISTENT = 0
    PERSISTENT_RECURSIVE = 1


class WatcherType(IntEnum):
    """Which watches of a path to remove, or to look for."""

    CHILDREN = 1
    DATA = 2
    ANY = 3
    PERSISTENT = 4  # on its own from 3.9 on
    PERSISTENT_RECURSIVE = 5


class State(StrEnum):
    """How a client stands with its session, as a listener is told it."""

    LOST = "LOST"
    CONNECTED = "CONNECTED"
    SUSPENDED = "SUSPENDED"


class KeeperState(StrEnum):
    """How a client stands with its server, in more detail than `State`."""

    AUTH_FAILED = "AUTH_FAILED"
    CONNECTED = "CONNECTED"
    CONNECTED_RO = "CONNECTED_RO"
    CONNECTING = "CONNECTING"
    CLOSED = "CLOSED"
    EXPIRED_SESSION = "EXPIRED_SESSION"

    @property
    def is_connected(self) -> bool:
        """Whether a server is answering."""
        return self in (KeeperState.CONNECTED, KeeperState.CONNECTED_RO)

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow until the client is started anew."""
        return self in (KeeperState.AUTH_FAILED, KeeperState.CLOSED)


SERVER_STATE_CONNECTED = 3  # the only state that servers write into an event
ANY_VERSION = -1  # a version argument that matches every version
MAX_REQUEST_BYTES = 0xFFFFF  # jute.maxbuffer: a longer frame makes the server hang up
SET_WATCHES_BYTES = 128 * 1024  # where one SetWatches request ends and the next begins
DEFAULT_PORT = 2181
