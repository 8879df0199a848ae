"""Which names in a pickle look like an attack, and not like somebody's data.

This only chooses how loudly a name is told: no name is ever imported. So the
list need not be complete, and what a program may well log (an exception of
`subprocess`, an `os.stat_result`) is left out of it.
"""

from __future__ import annotations

from typing import Final

# Classes within classes are never so deep, and looking at more takes time.
MAX_PARTS: Final = 8

# Modules of which any function serves an attack.
_MODULES: Final = frozenset(
    {
        "_ctypes",
        "_imp",
        "_io",
        "_posixsubprocess",
        "_socket",
        "_thread",
        "_winapi",
        "asyncio.subprocess",
        "asyncio.unix_events",
        "bdb",
        "cProfile",
        "code",
        "codeop",
        "commands",
        "ftplib",
        "imp",
        "marshal",
        "nt",
        "pdb",
        "pkgutil",
        "popen2",
        "posix",
        "profile",
        "pty",
        "pydoc",
        "requests.api",
        "runpy",
        "shelve",
        "shutil",
        "site",
        "socket",
        "subprocess",
        "sys",
        "telnetlib",
        "timeit",
        "trace",
        "urllib.request",
        "webbrowser",
    }
)

# The same for packages, with all that is in them.
_PACKAGES: Final = frozenset({"ctypes", "distutils", "importlib", "os", "pip"})

_NAMES: Final = frozenset(
    {
        "builtins.apply",
        "builtins.breakpoint",
        "builtins.compile",
        "builtins.delattr",
        "builtins.eval",
        "builtins.exec",
        "builtins.execfile",
        "builtins.exit",
        "builtins.file",
        "builtins.getattr",
        "builtins.globals",
        "builtins.input",
        "builtins.locals",
        "builtins.map",
        "builtins.open",
        "builtins.quit",
        "builtins.raw_input",
        "builtins.reload",
        "builtins.setattr",
        "builtins.vars",
        "codecs.open",
        "io.FileIO",
        "io.open",
        "io.open_code",
        "logging.config.listen",
        "multiprocessing.context.Process",
        "multiprocessing.util.spawnv_passfds",
        "operator.attrgetter",
        "operator.methodcaller",
        "pathlib.Path.unlink",
        "pathlib.Path.write_bytes",
        "pathlib.Path.write_text",
        "types.CodeType",
        "types.FunctionType",
    }
)
# Readers of further pickles.
_PICKLES: Final = frozenset({"_pickle", "cPickle", "cloudpickle", "dill", "pickle"})
_LOADERS: Final = frozenset(
    {"Unpickler", "_Unpickler", "_load", "_loads", "load", "loads"}
)

# Modules that others import, and so lend: `logging` has an `os`.
_LENT: Final = frozenset(
    {
        "builtins",
        "ctypes",
        "importlib",
        "os",
        "posix",
        "pty",
        "runpy",
        "shutil",
        "socket",
        "subprocess",
        "sys",
    }
)

# What programs log of such modules: exceptions and results.
_HARMLESS_ENDINGS: Final = (
    "Error",
    "Exception",
    "Expired",
    "Warning",
    "_result",
    "error",
    "timeout",
)
_HARMLESS: Final = frozenset(
    {
        "_io.BytesIO",
        "_io.StringIO",
        "os.terminal_size",
        "shutil.usage",
        "subprocess.CompletedProcess",
    }
)


def is_dangerous(module: str, name: str) -> bool:
    """Tell whether what a pickle names serves to attack its reader.

    Both are to be spelled as in Python 3; `name` may have dots, for what is
    within a class or within what a module imports.
    """
    parts = name.split(".", MAX_PARTS)
    if len(parts) > MAX_PARTS:
        return True
    for part in parts:
        if part in _LENT or part.startswith("__"):
            return True
    first = parts[0]
    dotted = f"{module}.{first}"
    if dotted in _NAMES or f"{module}.{name}" in _NAMES:
        return True
    if module in _PICKLES:
        return first in _LOADERS
    if module in _MODULES or module.partition(".")[0] in _PACKAGES:
        harmless = dotted in _HARMLESS or name.endswith(_HARMLESS_ENDINGS)
        return not (harmless and len(parts) == 1)
    return False
