"""Inputs that broke something once, by what that was.

What an input has shown in a core has a test of its own beside that core, too: inputs change their meaning with the
tape.
"""

FOUND: dict[str, tuple[str, bytes]] = {
    "a batch of the log that was there twice": ("log", bytes([0, 0, 0, 6, 6, 6])),
    "a write that was made twice": ("log", bytes([1, 0, 0, 6, 7, 7])),
    "two batches of the log that had changed their places": ("log", bytes([0, 0, 0, 7, 8, 9])),
    "a batch of the log that was missing": ("log", bytes([1, 0, 0, 8, 7])),
    "a record of the snapshot that was missing": ("log", bytes([0, 0, 0, 8, 4])),
}
