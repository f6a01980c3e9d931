"""The event loops that the tests make: standard ones, or with `--uvloop` all of them uvloop's."""

import asyncio

import uvloop

_USE_UVLOOP = "import asyncio, uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"


def use_uvloop() -> None:
    """Have every loop of this process made by uvloop, whoever makes it, and those of its children."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def on_same_loops(program: str) -> str:
    """Give a program that makes the same kind of loops as this process does."""
    is_uvloop = isinstance(asyncio.get_event_loop_policy(), uvloop.EventLoopPolicy)
    return _USE_UVLOOP + program if is_uvloop else program
