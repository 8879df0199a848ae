"""Rooms import in one direction, and what is dangerous is imported nowhere."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "collector"

# What each room may import of ours, at any place in its modules.
ALLOWED = {
    "errors": set(),
    "addresses": set(),
    "amounts": set(),
    "formats": set(),
    "loops": {"errors"},
    "type_words": set(),
    "listen_settings": {"errors", "addresses", "type_words"},
    "notify": set(),
    "http_token": {"errors"},
    "status": set(),
    "loop_lag": set(),
    "commit_times": {"status"},
    "config_toml": {"settings", "listen_settings"},
    "emitting": {"settings", "emit", "errors"},
    "decoding": {"settings", "wire"},
    "fixed_settings": {"settings", "listen_settings"},
    "watching": {
        "addresses",
        "errors",
        "http_token",
        "intake",
        "settings",
        "status",
        "web",
    },
    "retaining": {"settings", "setting_values", "store"},
    "storage": {"settings", "retaining", "commit_times", "intake", "store", "errors"},
    "snapshot": {"status", "storage", "store", "loop_lag", "emit", "intake"},
    "web": {"status", "addresses", "errors"},
    "wire": {"errors"},
    "storable": set(),
    "record": {"errors", "storable"},
    "query": {"amounts", "errors"},
    "tracebacks": set(),
    "emit": {"record", "formats", "errors"},
    "store": {"record", "query", "tracebacks", "errors"},
    "moving": {"wire", "record", "storable", "query", "store", "emit", "errors"},
    "intake": {
        "wire",
        "record",
        "storable",
        "store",
        "emit",
        "errors",
        "addresses",
        "listen_settings",
    },
    "setting_values": {"addresses", "amounts", "http_token", "listen_settings"},
    "settings": {
        "addresses",
        "formats",
        "listen_settings",
        "setting_values",
        "storable",
    },
    "config": {
        "errors",
        "addresses",
        "listen_settings",
        "setting_values",
        "settings",
        "type_words",
    },
    "listening": {"intake", "settings", "listen_settings", "addresses"},
    "checking": {
        "addresses",
        "settings",
        "emitting",
        "errors",
        "http_token",
        "listening",
    },
    "service": {
        "emitting",
        "decoding",
        "storage",
        "listening",
        "watching",
        "fixed_settings",
        "wire",
        "emit",
        "intake",
        "settings",
        "notify",
        "errors",
        "addresses",
        "status",
        "loop_lag",
        "snapshot",
    },
    # It looks at a collector from outside, as its commands do.
    "doctor": {
        "addresses",
        "checking",
        "client",
        "config",
        "settings",
        "errors",
        "intake",
        "listen_settings",
        "status",
        "store",
    },
    # Applications pay only for what they use, so all within functions.
    "client": {"service", "config", "loops", "errors", "addresses"},
    "cli": {
        "amounts",
        "retaining",
        "decoding",
        "config_toml",
        "doctor",
        "checking",
        "service",
        "moving",
        "store",
        "query",
        "config",
        "settings",
        "setting_values",
        "client",
        "record",
        "storable",
        "emit",
        "wire",
        "loops",
        "errors",
        "addresses",
        "http_token",
        "status",
    },
    "__main__": {"cli"},
    "__init__": {"client"},
}
# Rooms that are not on the receiving side.
AROUND = {"client", "cli", "doctor"}
EXECUTING = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room a module belongs to: its folder, or its own name."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Return the dotted names of all modules imported anywhere in a tree."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def imported_at_once(tree: ast.Module) -> set[str]:
    """Return the names of modules that importing this one imports."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names |= imported(node)
    return names


def ours(names: set[str]) -> set[str]:
    """Return the rooms among imported names."""
    return {name.split(".")[1] for name in names if name.startswith("collector.")} - {
        "__version__"
    }


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_modules_are_found():
    """There is something to check, and every room has its rules."""
    assert {"wire", "store", "intake", "service"} <= {room_of(path) for path in MODULES}
    assert {room_of(path) for path in MODULES} <= ALLOWED.keys()


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_imports_point_one_way(path):
    """A module imports from its own room, and from those its room may see."""
    room = room_of(path)
    foreign = ours(imported(parsed(path))) - {room}

    assert foreign <= ALLOWED[room]


def test_rules_have_no_circles():
    """By the rules above no room can come to import itself."""
    reached = {room: set(allowed) for room, allowed in ALLOWED.items()}
    for _ in ALLOWED:
        for seen in reached.values():
            seen |= {far for near in list(seen) for far in reached[near]}

    assert [room for room, seen in reached.items() if room in seen] == []


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_nothing_that_executes_is_imported(path):
    """No module of the package imports pickle, or what reads data like it."""
    tops = {name.split(".")[0] for name in imported(parsed(path))}

    assert not tops & EXECUTING


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room_of(path) not in AROUND], ids=shown
)
def test_the_receiving_side_has_no_socket_handlers(path):
    """logging.handlers, which imports pickle, is for rotated files only."""
    if shown(path) == "emit/outputs.py":
        return
    assert "logging.handlers" not in imported(parsed(path))


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_received_data_is_never_code(path):
    """Nothing is evaluated, compiled or imported by a name from data."""
    calls = {
        node.func.id
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert not calls & {"eval", "exec", "compile", "__import__"}
    if room_of(path) not in AROUND:
        assert "importlib" not in imported(parsed(path))


@pytest.mark.parametrize("path", sorted((PACKAGE / "client").glob("*.py")), ids=shown)
def test_the_client_is_light(path):
    """Importing what applications use imports no other room of ours."""
    assert ours(imported_at_once(parsed(path))) <= {"errors", "client"}


def test_importing_the_package_imports_nothing():
    """`import collector` alone costs next to nothing."""
    tree = parsed(PACKAGE / "__init__.py")

    assert ours(imported_at_once(tree)) == set()


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_only_the_store_opens_sqlite(path):
    """The database is written by one room; the commands may read it."""
    tops = {name.split(".")[0] for name in imported(parsed(path))}

    if room_of(path) not in {"store", "cli"}:
        assert not tops & {"sqlite3", "aiosqlite"}


def test_modules_are_named_for_what_they_hold():
    """There is no place for what has no place."""
    names = {path.stem for path in MODULES}

    assert not names & {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in MODULES
        if room_of(path) in {"wire", "record", "store", "intake"}
    ],
    ids=shown,
)
def test_modules_hold_no_state(path):
    """At module level there are constants, not values that change."""
    mutable = (ast.List, ast.Set, ast.ListComp, ast.SetComp)
    names = [
        ast.unparse(node)
        for node in parsed(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, mutable)
    ]
    changed = [
        ast.unparse(node)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Global)
    ]

    assert names == []
    assert changed == []
