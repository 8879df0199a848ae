"""The part of a file's path that stays when a program is deployed elsewhere.

/srv/shop/releases/123/shop/db.py and /opt/venv/lib/python3.11/site-packages/
shop/db.py are the same module. What is certain to stay is the file's name; it
is not enough, because every package may have its views.py. The folder it is in
tells them apart, if it is a package. Nothing in a path says so, so a folder
counts as one when its name could be imported, and is neither of those that
programs are put into nor looks like a version, a date or a hash.
"""

from __future__ import annotations

import re
from typing import Final

_PLACES: Final = frozenset(
    re.findall(
        r"\w+",
        """
        app apps bin blue branch build builds checkout code current deploy deployment
        deployments dist env green home lib lib64 live local main master new old opt
        prod production program project projects python release releases repo root
        script scripts service shared site source sources src srv staging task tmp usr
        users var venv work workspace www
        """,
    )
)
_VERSION: Final = re.compile(
    r"v?\d[\d_]*|.*_\d+|[a-z_]{0,20}\d{3}.{0,200}|(?=.{0,40}\d)[0-9a-f]{7,40}|tmp.*",
    re.DOTALL,
)
_SEPARATORS: Final = re.compile(r"[/\\]+")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")


def module_path(file: str) -> str:
    """Return the end of a path that tells a module, with slashes between."""
    if file.startswith("<"):
        # <string>, <frozen runpy>, and <ipython-input-3-5d1f...>.
        return _without_numbers(file)
    *folders, name = _SEPARATORS.split(file)
    if not name.split(".")[0].isidentifier():
        # A notebook's cell, which has a new name each time.
        name = _without_numbers(name)
    home = len(folders) > 1 and folders[-2].lower() in ("home", "users")
    if folders and not home and _is_package(folders[-1]):
        return f"{folders[-1]}/{name}"
    return name


def _without_numbers(name: str) -> str:
    # One pattern for both would take the square of a name's length.
    return _HEXADECIMAL.sub(
        lambda found: "#" if any(map(str.isdigit, found[0])) else found[0], name
    )


def _is_package(folder: str) -> bool:
    return (
        folder.isidentifier()
        and folder.lower() not in _PLACES
        and _VERSION.fullmatch(folder.lower()) is None
    )
