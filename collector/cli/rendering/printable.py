"""Values of records as text that is safe to print.

Records come from the network: what they hold must not steer a terminal, pass
for another record, or fail to be encoded. What is hidden is decided by
`collector.emit.visible`, for all outputs alike.
"""

from __future__ import annotations

import msgspec

from collector.emit.visible import visible


def text_of(value: object) -> str:
    """Return any value of a row as text, as it is; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return json_text(value)


def json_text(value: object) -> str:
    """Return a decoded JSON value as JSON on one line.

    What is nested too deeply for that is told in brackets.
    """
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return "(nested too deeply)"


def encodable(text: str) -> str:
    """Return `text` with lone surrogates, which no encoding takes, escaped."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def lines_marked(value: object) -> str:
    """Return a value with hidden characters escaped and later lines marked."""
    return visible(encodable(text_of(value)))


def lines_kept(value: object) -> str:
    """Return a value with hidden characters escaped and its lines as they are."""
    text = encodable(text_of(value))
    if "\n" not in text:
        return visible(text)
    return "\n".join([visible(line) for line in text.split("\n")])


def one_line(value: object) -> str:
    """Return a value on one line: newlines and tabs are escaped too."""
    text = encodable(text_of(value))
    if text.isascii() and text.isprintable():
        return text
    return visible(text.replace("\n", "\\x0a").replace("\t", "\\x09"))
