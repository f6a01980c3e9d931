"""Service registry and client for Apache ZooKeeper.

`zc.zk.ZooKeeper` registers servers, and gives live lists of addresses and live configuration; `zc.zk.Client` is the
client that it stands on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zc.zk.public_names import *  # noqa: F403 (every public name, and no other)
    from zc.zk.public_names import __all__ as __all__
else:  # type checkers take a module with a `__getattr__` for one that has every name

    def __getattr__(name: str) -> Any:  # Any: a module, or what has that name
        """Import the public names when one is asked for: the embedded server starts without them."""
        module = f"{__name__}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
        names = import_module(f"{__name__}.public_names")
        globals().update({each: getattr(names, each) for each in ("__all__", *names.__all__)})
        if name not in globals():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
