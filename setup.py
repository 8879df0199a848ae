"""Compiles the hot modules with mypyc where that is possible.

Without a C compiler, or with LOGCOLLECTOR_INTERPRETED=1, the very same
modules are installed as they are and run interpreted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

COMPILED = [
    "collector/intake/receiver.py",
    "collector/record.py",
    "collector/storable.py",
    "collector/store/backlog.py",
    "collector/store/rows.py",
    "collector/wire/dangerous.py",
    "collector/wire/decoder.py",
    "collector/wire/messagepack.py",
    "collector/wire/opaque.py",
    "collector/wire/pickles.py",
    "collector/wire/plain.py",
    "collector/wire/refused_names.py",
    "collector/wire/standard_types.py",
    "collector/wire/stock.py",
    "collector/wire/stock_pickles.py",
]


class OptionalBuild(build_ext):
    """Builds all extensions or, where one can't be built, none."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # whatever a missing compiler raises
            print(f"not compiled, will run interpreted: {error}", file=sys.stderr)
            # Half of them would not import.
            for output in self.get_outputs():
                Path(output).unlink(missing_ok=True)
            self.extensions = []


def extensions() -> list[Extension]:
    """Return the extensions that mypyc makes, if they are wanted now."""
    building = {"build", "build_ext", "bdist_wheel", "editable_wheel", "install"}
    if os.environ.get("LOGCOLLECTOR_INTERPRETED") == "1" or not building & set(
        sys.argv
    ):
        return []
    from mypyc.build import mypycify

    try:
        # Types are checked by `make check`; here the dependencies may not be
        # installed yet, and that must not keep the modules from compiling.
        flags = [
            "--config-file=",
            "--ignore-missing-imports",
            "--follow-imports=silent",
        ]
        return mypycify([*flags, *COMPILED], opt_level="3", debug_level="0")
    except (Exception, SystemExit) as error:
        print(f"not compiled, will run interpreted: {error}", file=sys.stderr)
        return []


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuild})
