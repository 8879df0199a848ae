"""Where settings come from: read once, validated whole, then passed as values.

Flags override the environment, the environment overrides the file, the file
overrides the defaults.
"""

from __future__ import annotations

import datetime as dt
import difflib
import tomllib
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from collector.addresses import is_loopback, overlap
from collector.errors import ConfigError
from collector.listen_settings import check_tables
from collector.setting_values import check_value
from collector.settings import (
    ENVIRONMENT_PREFIX,
    GROUPS,
    LISTS,
    NO_SETTINGS,
    SECRETS,
    Settings,
)
from collector.type_words import in_words


def load_settings(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Merge the sources into Settings.

    `file` is a TOML file (None: none), `environment` the process's variables,
    `flags` values by key. Raises ConfigError for what is unknown or wrong.
    """
    merged: dict[str, object] = {}
    if file is not None:
        table = _ungrouped(read_toml(file), str(file))
        _merge(merged, _checked(table, str(file), strict=True))
    _merge(merged, _checked(_from_environment(environment or {}), "", strict=False))
    _merge(merged, _checked(dict(flags or {}), "--", strict=False))
    settings = msgspec.convert(merged, Settings)
    # What fits together can only be told when all is known.
    settings.listeners()
    _check_together(settings)
    return settings


def read_toml(file: Path) -> dict[str, object]:
    """Return the content of a TOML file. Raises ConfigError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(str(file), "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(file), f"is not TOML: {error}") from None


def _ungrouped(layer: dict[str, object], file: str) -> dict[str, object]:
    """Return a file's settings with those of group tables as GROUP.KEY."""
    flat: dict[str, object] = {}
    for name, value in layer.items():
        if name not in GROUPS:
            flat[name] = value
        elif not isinstance(value, dict):
            raise ConfigError(f"{file}: {name}", f"is a table; write [{name}]")
        else:
            flat.update({f"{name}.{key}": value[key] for key in value})
    return flat


def _merge(merged: dict[str, object], layer: dict[str, object]) -> None:
    # A port given on the command line means that port, whatever list of
    # addresses the file below it has.
    if ("host" in layer or "port" in layer) and "listen" not in layer:
        merged.pop("listen", None)
    merged.update(layer)


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Return the variables that are settings, by their whole names."""
    values: dict[str, object] = {}
    for name, text in environment.items():
        key = name.removeprefix(ENVIRONMENT_PREFIX)
        if key == name or key in NO_SETTINGS:
            continue
        values[name] = _list(text) if key.lower() in LISTS else text
    return values


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _checked(
    layer: dict[str, object], source: str, *, strict: bool
) -> dict[str, object]:
    """Return the layer by key, each value converted to its setting's type."""
    hints = get_type_hints(Settings, include_extras=True)
    checked: dict[str, object] = {}
    for name, value in layer.items():
        key = name
        if name.startswith(ENVIRONMENT_PREFIX):
            key = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        group, dot, rest = name.partition(".")
        if dot and group in GROUPS:
            key = f"{group}_{rest}"
        shown = _shown(key, name, source)
        if key not in hints:
            raise ConfigError(shown, "unknown setting", _nearest(key, hints, name))
        if key == "logging" and not strict:
            raise ConfigError(shown, "can only be set in the settings file")
        if key == "listen":
            check_tables(value, shown)
        try:
            checked[key] = msgspec.convert(value, hints[key], strict=strict)
            check_value(key, checked[key])
        except (msgspec.ValidationError, ValueError) as error:
            reason = in_words(error)
            choices = _choices(hints[key])
            if choices:
                reason = f"not one of {', '.join(choices)}"
            # Of a list, the item is named by what checks it.
            is_named = not isinstance(error, msgspec.ValidationError) and key in LISTS
            quoted = "" if is_named or key in SECRETS else f"{_brief(value)}: "
            raise ConfigError(shown, f"{quoted}{reason}") from None
    return checked


def _choices(hint: Any) -> list[str]:
    """Return the values that a setting may have, if they are few."""
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Literal:
            return [str(choice) or "empty" for choice in get_args(part)]
    return []


def _check_together(settings: Settings) -> None:
    """Check what depends on several settings. Raises ConfigError."""
    for one, other in combinations(settings.addresses(), 2):
        if overlap(one, other):
            raise ConfigError(
                "listen",
                f"{one} and {other} can't both be listened on",
                "leave out one of them",
            )
    address = settings.http()
    if address is None or is_loopback(address):
        return
    if not settings.http_token and not settings.http_token_file:
        raise ConfigError(
            "http_address",
            f"{address} can be reached from other hosts, and there is no token",
            "set http_token_file or http_token, or listen on 127.0.0.1",
        )


def _brief(value: object) -> str:
    # A date as TOML has it, not as Python does.
    text = str(value) if isinstance(value, (dt.date, dt.time)) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _shown(key: str, name: str, source: str) -> str:
    if source == "--":
        return "--" + key.replace("_", "-")
    return f"{source}: {name}" if source else name


def _nearest(key: str, known: Mapping[str, object], name: str) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    if not near:
        return "logcollector config show lists all settings"
    if name.startswith(ENVIRONMENT_PREFIX):
        return f"did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}?"
    group, _, rest = near[0].partition("_")
    if "." in name and group in GROUPS:
        return f"did you mean {group}.{rest}?"
    return f"did you mean {near[0]}?"
