import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.sources import Source, sources

# From the ground up; a module is named by its longest entry here, and imports from entries before it.
LAYERS = (
    {"codes"},
    {"errors"},
    {"paths", "security", "exceptions"},
    {"jute"},
    {"records"},
    {"operations"},
    {"server"},  # an independent witness of the wire: it knows the codec alone
    {"plans", "arguments", "metrics"},
    {"retry", "transactions"},
    {"protocol"},
    {"recipes", "recipes.nodes", "registry"}
    | {"registry.addresses", "registry.properties", "registry.servers"},
    {"drivers"},
    {"asking"},
    {"faces", "calling", "within"},
    {"recipes.watchers", "registry.live", "registry.registrations"},
    {"registry.registrar"},
    {"registry.standing"},
    {"calls"},
    {"client"},
    {"zookeeper"},
    {"aio"},
    {"asab"},
    {"public_names"},  # what `import zc.zk` gives
    {""},
    {"testing"},
    {"cli"},
)
PURE = {
    *(
        "codes",
        "errors",
        "paths",
        "jute",
        "records",
        "operations",
        "security",
        "arguments",
        "exceptions",
    ),
    *("transactions", "plans", "retry", "protocol", "recipes.nodes", "recipes.outcomes"),
    *("metrics", "registry.addresses", "registry.properties", "cli.treelines"),
    *("registry.servers", "server"),
}
IMPURE = {
    "server.net",
    "server.wire",
    "server.tls",
    "server.folder",
    "server.compaction",
    "server.clock",
}  # where the embedded server meets sockets, files and the time
OUTSIDE = {
    *("socket", "select", "selectors", "ssl", "threading", "asyncio", "time", "random", "os"),
    *("datetime", "secrets", "subprocess", "signal", "queue", "concurrent", "multiprocessing"),
    *("io", "pathlib", "tempfile", "atexit", "weakref", "uuid"),
}
REQUIRED = {"simplejson"}
MOST_LINES = 600
USUAL_LINES = 300
MOST_FUNCTION_LINES = 60
LONG = {
    "aio.calls": "as `calls`",
    "arguments": "one small function for each request",
    "calls": "one class with every call on nodes, blocking and not",
    "drivers.aio.driver": "all that knows of an event loop at once",
    "drivers.threads": "all that knows of threads, locks and sockets at once",
    "errors": "one small class for each error number",
    "protocol.connection": "all that belongs to one connection and to no other",
    "protocol.session": "one state machine",
    "registry.live": "children and properties, with what they share",
}
ALL = sources()


def layer(name: str) -> int:
    """Give the height of a module."""
    parts = name.split(".") if name else []
    for length in range(len(parts), -1, -1):
        prefix = ".".join(parts[:length])
        for height, names in enumerate(LAYERS):
            if prefix in names and (prefix or not name):
                return height
    raise AssertionError(f"{name} stands in no layer")


def is_pure(name: str) -> bool:
    return name not in IMPURE and any(name == each or name.startswith(each + ".") for each in PURE)


def by_name(source: Source) -> str:
    return source.name or "zc.zk"


every_module = pytest.mark.parametrize("source", ALL, ids=by_name)


@every_module
def test_imports_point_down(source: Source) -> None:
    height = layer(source.name)

    up = {
        each.module
        for each in source.imports
        if each.module is not None and not each.is_for_types and layer(each.module) > height
    }

    assert up == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    imported: dict[str, set[str]] = defaultdict(set)
    for source in ALL:
        for each in source.imports:
            if each.module and not each.is_for_types and each.module != source.name:
                imported[source.name].add(each.module)

    below = {name: set(modules) for name, modules in imported.items()}
    for _ in ALL:
        for modules in below.values():
            modules.update(*(below.get(each, set()) for each in list(modules)))

    assert {name for name, modules in below.items() if name in modules} == set()


@pytest.mark.parametrize("source", [each for each in ALL if is_pure(each.name)], ids=by_name)
def test_the_pure_layers_know_no_world_outside(source: Source) -> None:
    known = {each.target.partition(".")[0] for each in source.imports}

    assert known & OUTSIDE == set()


@pytest.mark.parametrize(
    "source", [each for each in ALL if each.name.startswith("server")], ids=by_name
)
def test_the_server_shares_the_codec_alone(source: Source) -> None:
    shared = {each.module for each in source.imports if each.module is not None}

    codec = {"", "codes", "errors", "paths", "security", "jute", "records", "operations"}
    assert {name for name in shared if not name.startswith("server")} <= codec


@every_module
def test_only_what_serves_others_imports_the_server(source: Source) -> None:
    imports_it = any((each.module or "").startswith("server") for each in source.imports)

    assert not imports_it or source.name.partition(".")[0] in {"server", "testing", "cli"}


def underscored(source: Source) -> Iterator[str]:
    modules = set()
    for each in source.imports:
        if each.name.startswith("_") and not each.name.startswith("__"):
            yield f"{each.target}.{each.name}"
        if each.module is not None and each.module.endswith(each.name or "?"):
            modules.add(each.name)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            owner = ast.unparse(node.value)
            if owner in modules:
                yield f"{owner}.{node.attr}"


@every_module
def test_nothing_uses_an_underscored_name_of_another_module(source: Source) -> None:
    assert list(underscored(source)) == []


def test_each_optional_package_is_imported_by_one_module() -> None:
    users: dict[str, set[str]] = defaultdict(set)
    for source in ALL:
        for each in source.imports:
            package = each.target.partition(".")[0]
            if each.module is None and package not in {"zc", *REQUIRED, *sys.stdlib_module_names}:
                users[package].add(source.name)

    assert {package: names for package, names in users.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    "package",
    [
        "asab",
        "asyncio",
        "gevent",
        "kazoo",
        "prometheus_client",
        "opentelemetry",
        "zc.zk.server",
        "zc.zk.cli",
    ],
)
def test_the_public_names_do_not_import(package: str) -> None:
    assert not does_import("from zc.zk import *", package)


@pytest.mark.parametrize("module", ["zc.zk", "zc.zk.server.net", "zc.zk.cli.main"])
def test_what_is_to_be_ready_soon_does_not_import_the_client(module: str) -> None:
    assert not does_import(f"import {module}", "zc.zk.client")


def does_import(statement: str, module: str) -> bool:
    program = f"import sys\n{statement}\nprint({module!r} in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return run.stdout == "True\n"


# Sizes


@every_module
def test_no_module_is_longer_than_600_lines(source: Source) -> None:
    assert source.line_count <= MOST_LINES


def test_modules_of_more_than_300_lines_have_a_reason() -> None:
    long = {source.name for source in ALL if source.line_count > USUAL_LINES}

    assert long <= set(LONG)


@every_module
def test_no_function_is_longer_than_60_lines(source: Source) -> None:
    long = [
        node.name
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES
    ]

    assert long == []


@every_module
def test_every_module_says_what_it_is_for(source: Source) -> None:
    assert ast.get_docstring(source.tree)
