"""The asyncio driver: runs a session on an event loop, with no thread and no lock."""
