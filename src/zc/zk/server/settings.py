"""What can be chosen about a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zc.zk.codes import MAX_REQUEST_BYTES
from zc.zk.server.acl import BUILT_IN

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server behaves, and what it bounds. Seconds and bytes.

    `tick_time` decides how exactly sessions expire: up to one tick late. Session time-outs are
    clamped between
    `min_session_timeout`, two ticks unless given, and `max_session_timeout`.
    `first_zxid` None means the wall clock's seconds in the high half and their fraction in the low
    one, so that a server that starts anew with nothing never hands out a smaller zxid than before
    (reliability.md, R33); a stand-alone Apache begins at 0. Clocks after January 2038 no longer
    fit.
    `version` is the Apache version whose behaviour is shown where (3, 8) and (3, 9) differ.
    `extended_types` lets clients create TTL nodes, which Apache must be told
    (`zookeeper.extendedTypesEnabled`). Empty containers and TTL nodes past their time are deleted
    every `sweep_interval`, at most `most_swept_at_once`; a container that never had a child stays,
    unless `never_used_interval` is given and it is older.
    With `enforce_quotas`, writes that hard limits have no room for are refused; without it, as by
    default in Apache, quotas only count.
    `most_connections_per_host` 0 is no limit; Apache's is 60 (`maxClientCnxns`).
    `most_data_bytes` count the data, paths and ACLs of all nodes, `most_watched_bytes` the paths
    that one connection waits for with watches of one kind, `most_identity_bytes` its identities;
    each entry of an ACL, watch and identity counts for 100 more.
    `words` are the four-letter words that are answered, "*" stands for all; the others tell about
    clients and data to whoever asks.
    While the server takes no writes, `local_sessions` are all there are; without them nobody can
    connect then.
    `super_digest` is the digest identity that may do everything, as
    `user:base64(sha1(user:password))`.
    `sasl_users` are the passwords of those who can log in by SASL (DIGEST-MD5), by name; None means
    that there is no SASL. The one called `super_user` may do everything.
    `knows_certificates` lets ACLs name the subjects of certificates, as a server with TLS does; who
    shows the certificate of `super_subject` may do everything.
    Where there are `required_schemes`, who has no identity of one of them can only log in.
    """

    tick_time: float = 0.2
    min_session_timeout: float | None = None
    max_session_timeout: float = 60.0
    first_zxid: int | None = None
    version: tuple[int, int] = (3, 9)
    enforce_quotas: bool = False
    local_sessions: bool = True
    super_digest: str | None = field(default=None, repr=False)
    sasl_users: Mapping[str, str] | None = field(default=None, repr=False)
    super_user: str | None = None
    knows_certificates: bool = False
    super_subject: str | None = None
    required_schemes: tuple[str, ...] = ()
    extended_types: bool = True
    sweep_interval: float = 60.0
    never_used_interval: float = 0.0
    words: tuple[str, ...] = ("ruok", "srvr", "mntr", "isro", "envi")
    unconnected_timeout: float = 10.0
    most_connections: int = 10_000
    most_connections_per_host: int = 0
    most_request_bytes: int = MAX_REQUEST_BYTES
    most_nodes: int = 2_000_000
    most_swept_at_once: int = 10_000
    most_data_bytes: int = 1024 * MEBIBYTE
    most_watched_bytes: int = 128 * MEBIBYTE
    most_identity_bytes: int = MEBIBYTE // 4
    unsent_bytes_to_pause: int = MEBIBYTE
    unsent_bytes_to_drop: int = 64 * MEBIBYTE

    def negotiated_timeout(self, wanted: int) -> int:
        """Return the session time-out for the `wanted` one, both in milliseconds."""
        least = 2 * self.tick_time if self.min_session_timeout is None else self.min_session_timeout
        return min(max(wanted, round(least * 1000)), round(self.max_session_timeout * 1000))

    @property
    def acl_schemes(self) -> frozenset[str]:
        """The schemes that the entries of an ACL may have."""
        schemes = BUILT_IN
        if self.sasl_users is not None:
            schemes |= {"sasl"}
        if self.knows_certificates:
            schemes |= {"x509"}
        return schemes

    @property
    def shows_event_zxids(self) -> bool:
        """Whether an event's header carries the zxid of what fired it (3.9), or -1."""
        return self.version >= (3, 9)

    @property
    def exists_needs_read(self) -> bool:
        """Whether `exists` asks for the READ permission (3.8.4 and 3.9.2)."""
        return self.version >= (3, 9)

    @property
    def answers_create2_in_full(self) -> bool:
        """Whether a multi gives the status of what a `create2` in it created (3.7.2, 3.8.2)."""
        return self.version >= (3, 9)

    @property
    def counts_unreadable_writes(self) -> bool:
        """Whether a write takes a zxid also when its body cannot be read (seen on 3.8.0)."""
        return self.version < (3, 9)

    @property
    def keeps_ways_of_watching_apart(self) -> bool:
        """Whether one connection can wait for one path in several ways, each with its end (3.9)."""
        return self.version >= (3, 9)

    @property
    def checks_only_own_watches(self) -> bool:
        """Whether `checkWatches` looks at the own watches alone (3.9), or at anybody's."""
        return self.version >= (3, 9)

    @property
    def knows_ipv6_acls(self) -> bool:
        """Whether an `ip` ACL may name an IPv6 address (3.9.4)."""
        return self.version >= (3, 9)
