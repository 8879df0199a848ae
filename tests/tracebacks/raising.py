"""Programs that raise, and what the standard library says of it."""

import traceback
import types

from collector.tracebacks.raised import Frame


def caught(function, *arguments):
    """Return the exception that a function raises."""
    try:
        function(*arguments)
    except BaseException as error:
        # Without this very frame.
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def program(source, file="/srv/app/shop/db.py", **names):
    """Return the functions of a program, as if it were in that file."""
    module = types.ModuleType("shop.db")
    module.__dict__.update(names)
    exec(compile(source, file, "exec"), module.__dict__)
    return module


def raised_by(source, file="/srv/app/shop/db.py", function="work", **names):
    """Return the traceback's text of what a function of a program raises."""
    return text_of(caught(getattr(program(source, file, **names), function)))


def text_of(error):
    """Return an exception as logging formats it."""
    return "".join(traceback.format_exception(error)).rstrip("\n")


def frames_of(error):
    """Return the frames as the standard library has them, as they are printed."""
    return [
        Frame(each.filename, each.lineno, each.name)
        for each in traceback.extract_tb(error.__traceback__)
    ]


def type_of(error):
    """Return how the standard library writes an exception's type."""
    kind = type(error)
    if kind.__module__ in ("__main__", "builtins"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
