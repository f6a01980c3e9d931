"""Inputs that broke something once, by what that was.

What an input has shown in a core has a test of its own beside that core, too: inputs change their meaning with the
tape.
"""

FOUND: dict[str, tuple[str, bytes]] = {
    "a batch of the log that was there twice": ("log", b"\0\0\0\6"),
}
