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
    CREATE2 = 15
    AUTH = 100
    SET_WATCHES = 101
    CLOSE_SESSION = -11


class Xid(IntEnum):
    """The transaction ids that are not counted, but mark a kind of packet."""

    EVENT = -1
    PING = -2
    AUTH = -4
    SET_WATCHES = -8


class CreateFlag(IntFlag):
    """The bits of a create request's flags for the four modes of every server version."""

    PERSISTENT = 0
    EPHEMERAL = 1
    SEQUENTIAL = 2


class ErrorCode(IntEnum):
    """The error numbers of a reply header."""

    OK = 0
    RUNTIME_INCONSISTENCY = -2
    DATA_INCONSISTENCY = -3
    CONNECTION_LOSS = -4
    MARSHALLING_ERROR = -5
    UNIMPLEMENTED = -6
    OPERATION_TIMEOUT = -7
    BAD_ARGUMENTS = -8
    UNKNOWN_SESSION = -12
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


EVENT_TYPES: dict[int, EventType] = {
    -1: EventType.NONE,
    1: EventType.CREATED,
    2: EventType.DELETED,
    3: EventType.CHANGED,
    4: EventType.CHILD,
}
EVENT_NUMBERS: dict[EventType, int] = {kind: number for number, kind in EVENT_TYPES.items()}


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
