"""Documents what both clients have in one place, with the blocking one."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)


def documented(*faces: type) -> Callable[[T], T]:
    """Give what a class defines the docstring that a face has for the same name, unless it has its own."""

    def document(own: T) -> T:
        for name, member in vars(own).items():
            if getattr(member, "__doc__", None) is None and not name.startswith("_"):
                member.__doc__ = next(
                    (getattr(face, name).__doc__ for face in faces if hasattr(face, name)), None
                )
        return own

    return document
