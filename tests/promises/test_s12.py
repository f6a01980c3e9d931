"""S12: nothing but simplejson is needed to run, and nothing in the library starts programs or runs what it is given."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import simplejson

from tests.promises.programs import run_program
from tests.sources import PROJECT, Source, sources
from tests.waiting import stretched

REQUIRED = {"simplejson"}
# The demo's servers and watchers are processes of their own; nobody imports it.
STARTS_PROCESSES = {"cli.demo_process"}
FORBIDDEN_MODULES = {
    *("pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "copyreg"),
    *("pty", "pipes", "commands", "popen2", "multiprocessing", "code", "codeop"),
}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_OF_OS = re.compile(r"system|popen|startfile|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?")
EVERYTHING = sources()

every_module = pytest.mark.parametrize(
    "source", EVERYTHING, ids=lambda source: source.name or "zc.zk"
)


def project() -> dict[str, object]:
    content = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    metadata: dict[str, object] = content["project"]
    return metadata


def imported(tree: ast.AST) -> set[str]:
    """Give the top names of all that is imported, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def faults(tree: ast.AST, *, may_start_processes: bool = False) -> set[str]:
    """Give what code uses that the library must not use."""
    forbidden = FORBIDDEN_MODULES | (set() if may_start_processes else {"subprocess"})
    found = imported(tree) & forbidden
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os" and FORBIDDEN_OF_OS.fullmatch(node.attr):
                found.add(f"os.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
            found.update(f"os.{name}" for name in names if FORBIDDEN_OF_OS.fullmatch(name))
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            found.add("shell=")
    return found


@every_module
def test_s12_no_module_unpickles_starts_a_program_or_runs_a_text(source: Source) -> None:
    may_start = source.name in STARTS_PROCESSES

    assert faults(source.tree, may_start_processes=may_start) == set()


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import pickle", "pickle"),
        ("def f():\n    import marshal as m", "marshal"),
        ("from subprocess import run", "subprocess"),
        ("import os\nos.system('ls')", "os.system"),
        ("import os\nos.execvp('ls', [])", "os.execvp"),
        ("from os import popen", "os.popen"),
        ("eval('1')", "eval"),
        ("call = exec", "exec"),
        ("run('ls', shell=True)", "shell="),
    ],
)
def test_s12_what_must_not_be_used_would_be_found(code: str, fault: str) -> None:
    assert faults(ast.parse(code)) == {fault}


def test_s12_what_may_be_used_is_not_found() -> None:
    assert faults(ast.parse("import os, re, ast\nre.compile('a')\nast.literal_eval('1')")) == set()
    assert faults(ast.parse("import subprocess"), may_start_processes=True) == set()


def test_s12_simplejson_is_the_only_requirement() -> None:
    requirements = project()["dependencies"]
    assert isinstance(requirements, list)

    assert {re.match(r"[\w.-]+", each)[0] for each in requirements} == REQUIRED  # type: ignore[index]


def test_s12_what_else_is_imported_is_optional() -> None:
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    offered = [each.lower() for each in chain(*extras.values())]
    used = set().union(*(imported(each.tree) for each in EVERYTHING))

    optional = used - set(sys.stdlib_module_names) - REQUIRED - {"zc"}

    for name in optional:
        assert any(each.startswith(name.replace("_", "-")) for each in offered), name


# Imported by whoever asks for that driver, by an ASAB application, or by pytest itself, and by nobody else.
OF_AN_EXTRA = {"drivers.gevent", "testing.pytest_plugin"} | {
    each.name for each in EVERYTHING if each.name.partition(".")[0] == "asab"
}


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that knows simplejson, our sources, and nothing else."""
    packages = tmp_path_factory.mktemp("bare")
    shutil.copytree(Path(simplejson.__file__).parent, packages / "simplejson")
    (packages / "zc").symlink_to(PROJECT / "src" / "zc")
    return packages


def run_bare(packages: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", *arguments],
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=stretched(30),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_s12_every_module_can_be_imported_without_the_extras(bare_python: Path) -> None:
    program = f"""
import importlib, sys
sys.path.insert(0, {str(bare_python)!r})
for name in {[each.name for each in EVERYTHING if each.name not in OF_AN_EXTRA]}:
    importlib.import_module(f"zc.zk.{{name}}" if name else "zc.zk")
print(*sorted({{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names))
"""

    assert run_bare(bare_python, "-c", program).split() == ["__main__", "simplejson", "zc"]


def test_s12_what_needs_an_extra_says_which(bare_python: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(bare_python)!r})
import zc.zk
try:
    zc.zk.Client(driver="gevent")
except zc.zk.UsageError as error:
    print(error)
"""

    printed = run_bare(bare_python, "-c", program)

    assert printed == 'driver="gevent" needs gevent: pip install "zc.zk[gevent]"\n'


def test_s12_a_client_works_without_the_extras(bare_python: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(bare_python)!r})
from zc.zk import ZooKeeper
from zc.zk.testing import Server
with Server() as server, ZooKeeper(server.address) as zk:
    zk.create("/servers")
    zk.register("/servers", "h:1", weight=1)
    print(*zk.children("/servers"), zk.properties("/servers/h:1")["weight"])
"""

    assert run_bare(bare_python, "-c", program) == "h:1 1\n"


def test_s12_importing_the_package_imports_nothing_that_it_does_not_need() -> None:
    printed = run_program("""
        import sys
        import zc.zk
        print(*sorted({"asyncio", "subprocess", "pickle", "gssapi", "kazoo"} & {*sys.modules}))
    """)

    assert printed.split() == []
