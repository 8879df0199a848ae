"""Settings as TOML, with what each is for as comments."""

from __future__ import annotations

from typing import Any

import msgspec

from collector.listen_settings import ListenTable
from collector.settings import ENVIRONMENT_PREFIX, GROUPS, Settings, descriptions


def as_toml(settings: Settings) -> str:
    """Return the settings as commented TOML that `load_settings` reads back."""
    lines = [
        "# Settings of logcollector. Each can also be an environment variable",
        f"# ({ENVIRONMENT_PREFIX} and the key in capitals) or a flag of serve;",
        "# those win. The name of a table comes in front of its keys then:",
        f"# {ENVIRONMENT_PREFIX}HTTP_ADDRESS, --http-address.",
        "",
    ]
    # What stands below the head of a table belongs to it.
    for group in ("", *GROUPS, "logging"):
        if group in GROUPS:
            lines += [f"[{group}]", ""]
        for key, about in descriptions().items():
            if group != _group(key):
                continue
            value = getattr(settings, key)
            lines.append(f"# {about}")
            if key == "logging":
                lines.extend(_toml_table("logging", value))
            elif key == "listen" and not all(isinstance(item, str) for item in value):
                lines.append("listen = [")
                lines.extend(f"    {_toml_value(item)}," for item in value)
                lines.append("]")
            else:
                short = key.removeprefix(f"{group}_")
                lines.append(f"{short} = {_toml_value(value)}")
            lines.append("")
    return "\n".join(lines)


def _group(key: str) -> str:
    """Return the table that a setting stands in, or nothing."""
    group = key.partition("_")[0]
    return group if group in (*GROUPS, "logging") else ""


def _toml_table(name: str, table: dict[str, Any]) -> list[str]:
    lines = [f"[{name}]"]
    for key, value in table.items():
        lines.append(f"{_toml_key(key)} = {_toml_value(value)}")
    return lines


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _toml_value(key)


def _toml_value(value: object) -> str:
    if isinstance(value, ListenTable):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        pairs = (f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    # JSON's texts, numbers and booleans are TOML's too.
    # JSON leaves DEL as it is, TOML forbids it.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
