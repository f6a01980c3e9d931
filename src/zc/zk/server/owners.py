"""What a node's owner says of its kind: a session's id, or a mark of a container or a TTL node.

They are Apache's numbers (protocol.md, 6). Ids of sessions are positive, the marks are not.
"""

NOBODY = 0
CONTAINER = -0x8000_0000_0000_0000
LONGEST_TTL = (1 << 40) - 1  # milliseconds
_TTL = -0x0100_0000_0000_0000  # 0xff in the top byte, as a signed number


def ttl_owner(ttl: int) -> int:
    """Return the owner of a node that lives `ttl` milliseconds; raises `ValueError`."""
    if not 0 < ttl <= LONGEST_TTL:
        raise ValueError(f"{ttl} ms is no time to live")
    return _TTL | ttl


def ttl_of(owner: int) -> int | None:
    """Return the milliseconds that a TTL node lives after it was written to, None for others."""
    return owner & LONGEST_TTL if _TTL < owner < 0 else None


def is_session(owner: int) -> bool:
    """Say whether the node is ephemeral."""
    return owner > 0


def is_swept(owner: int) -> bool:
    """Say whether the node goes by itself one day: a container or a TTL node."""
    return owner < 0
