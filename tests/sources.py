"""What the source modules are and what they import, read without running them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "src" / "zc" / "zk"
NAME = "zc.zk"


@dataclass(frozen=True)
class Import:
    """One name that a module imports; `module` is empty for the package itself, None if not ours.

    `is_for_types` marks what only a type checker sees.
    """

    target: str
    name: str
    module: str | None
    is_for_types: bool


@dataclass(frozen=True)
class Source:
    """One module, named relative to the package: `protocol.session`, or empty for the package."""

    path: Path

    @property
    def name(self) -> str:
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    @property
    def line_count(self) -> int:
        return len(self.path.read_text().splitlines())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but a docstring."""
        return all(isinstance(each, ast.Expr) for each in self.tree.body)

    @property
    def imports(self) -> Iterator[Import]:
        """Everything that is imported, wherever that stands."""
        for_types = {id(each) for each in self._for_types()}
        for node in ast.walk(self.tree):
            is_for_types = id(node) in for_types
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", self._ours(alias.name), is_for_types)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are absolute"
                for alias in node.names:
                    target = node.module or ""
                    ours = self._ours(f"{target}.{alias.name}") or self._ours(target)
                    yield Import(target, alias.name, ours, is_for_types)

    def _for_types(self) -> Iterator[ast.AST]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for each in node.body:
                    yield from ast.walk(each)

    @staticmethod
    def _ours(target: str) -> str | None:
        if target != NAME and not target.startswith(NAME + "."):
            return None
        name = target[len(NAME) + 1 :]
        place = PACKAGE.joinpath(*name.split(".")) if name else PACKAGE
        return name if place.with_suffix(".py").exists() or place.is_dir() else None


def sources() -> list[Source]:
    """Give every module of the package."""
    return [Source(path) for path in sorted(PACKAGE.rglob("*.py"))]
