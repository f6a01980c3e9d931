"""Every public method of a client and of what it makes, for the programs of R27 to call in a child of their process."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from zc.zk import operations as ops
from zc.zk.drivers.aio.callbacks import LoopCallbacks

Call = Callable[[], object]
FREE = None  # it asks nobody, or ends what a child has not begun
OURS = None  # the library calls it
BY_HAND = None  # a program has a call of its own for it
METHODS: dict[str, dict[str, tuple[Any, ...] | None]] = {
    "client": {
        "ChildrenWatch": ("/", print),
        "DataWatch": ("/mine", print),
        "add_auth": ("digest", "me:secret"),
        "add_listener": (print,),
        "add_watch": ("/mine", print),
        "catch_up": OURS,
        "close": FREE,
        "command": (),
        "create": ("/a/b", b"", None, False, False, True),
        "data_watches": ({"/mine": print},),
        "delete": ("/mine",),
        "ensure_path": ("/a",),
        "exists": ("/mine",),
        "get": ("/mine",),
        "get_acls": ("/mine",),
        "get_all_children_number": ("/",),
        "get_children": ("/",),
        "get_config": (),
        "get_ephemerals": (),
        "inherit": OURS,
        "kept": OURS,
        "multi_read": ([("get", "/mine")],),
        "reconfig": (None, "3", None),
        "remove_listener": (print,),
        "remove_watches": ("/mine",),
        "restart": (),
        "run": (iter(ops.Exists("/mine", None)),),
        "run_async": (iter(ops.Exists("/mine", None)), "exists", "/mine"),
        "server_version": (),
        "set": ("/mine", b""),
        "set_acls": ("/mine", []),
        "set_hosts": BY_HAND,
        "start": (),
        "start_async": (),
        "stop": FREE,
        "sync": ("/",),
        "transaction": BY_HAND,
        "unchroot": FREE,
        "wait_for_start": (),
        "who_am_i": (),
        "within": BY_HAND,
    },
    "registry": {
        "children": ("/",),
        "children_of": (["/"],),
        "close": FREE,
        "create": ("/b",),
        "delete": ("/h:1",),
        "exists": ("/mine",),
        "get": ("/mine",),
        "get_children": ("/",),
        "get_properties": ("/mine",),
        "print_tree": (),
        "properties": ("/mine",),
        "properties_of": (["/mine"],),
        "register": ("/", "h:2"),
        "register_server": ("/", "h:2"),
        "set": ("/mine", b""),
    },
    "registered": {"update": ({"a": 2},), "withdraw": ()},
}


def calls_of(**objects: Any) -> Iterator[tuple[str, Call]]:
    """Give a call of each method of these that a child must not use; `objects` have the names that they have above."""
    for kind, it in objects.items():
        for name, _ in inspect.getmembers(it.__class__, inspect.isfunction):
            if not name.startswith("_"):
                arguments = arguments_of(kind, name)
                if arguments is not None:
                    yield f"{kind}.{name}", partial(getattr(it, name), *arguments)


def arguments_of(kind: str, name: str) -> tuple[Any, ...] | None:
    methods = METHODS[kind]
    return methods[name] if name in methods else methods[name.removesuffix("_async")]


def locks_of(client: Any, registry: Any) -> tuple[AbstractContextManager[object], ...]:
    """Give all that threads of a client hold at times; nothing for one on a loop, which needs no locks."""
    callbacks = client.driver.callbacks
    if isinstance(callbacks, LoopCallbacks):
        return ()
    return client.driver.lock, callbacks._condition, registry._registrar._lock  # noqa: SLF001
