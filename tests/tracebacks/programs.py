"""Programs that raise, margins, and pieces that tracebacks are made of."""

from collector.tracebacks.parser import HEADER

PROGRAMS = {
    "plain": "def work():\n    raise ValueError('boom')",
    "through functions": "def work():\n    inner()\ndef inner():\n    return {}['x']",
    "no message": "def work():\n    raise ValueError",
    "empty message": "def work():\n    raise ValueError('')",
    "several lines": "def work():\n    raise ValueError('a\\nb\\n\\n  c')",
    "begins with a newline": "def work():\n    raise ValueError('\\nb')",
    "colons": "def work():\n    raise ValueError('a: b: c')",
    "own class": "class Odd(Exception): pass\ndef work():\n    raise Odd('x')",
    "local class": "def work():\n    class Odd(Exception): pass\n    raise Odd('x')",
    "letters": "class Größe(Exception): pass\ndef wörk():\n    raise Größe('ß')\n"
    "def work():\n    wörk()",
    "str fails": "class Odd(Exception):\n    def __str__(self): return 1/0\n"
    "def work():\n    raise Odd",
    "notes": "def work():\n    e = ValueError('boom')\n    e.add_note('n1\\nn2')\n"
    "    raise e",
    "lambda": "def work():\n    (lambda: [1][2])()",
    "carets": "def work():\n    x = None\n    return (1 +\n        x.y\n        + 2)",
    "looks like a frame": "def work():\n"
    "    raise ValueError('a\\n  File \"x.py\", line 1, in y\\n    b\\nKeyError: c')",
    "speaks of another": "def work():\n    raise ValueError('a\\n\\n"
    "During handling of the above exception, another exception occurred:\\n\\nb c')",
    "recursion": "def work():\n    work()",
    "deep": "def down(n):\n    return down(n - 1) if n else 1 / 0\n"
    "def work():\n    down(40)",
    "mutual": "def work():\n    other()\ndef other():\n    work()",
    "syntax": "def work():\n    compile('a b', '<string>', 'exec')",
    "syntax in a file": "def work():\n    compile('x = (\\n', '/srv/a.py', 'exec')",
    "indentation": "def work():\n    compile('if x:\\npass', 'b.py', 'exec')",
    "interrupt": "def work():\n    raise KeyboardInterrupt",
    "odd header": "def work():\n    raise ValueError('(most recent call last):')",
}
CHAIN = """
def first():
    raise KeyError("one")
def second():
    try:
        first()
    except KeyError as error:
        raise ValueError("two\\nlines") from error
def work():
    try:
        second()
    except ValueError:
        third()
def third():
    raise OSError(2, "three")
"""
GROUP = """
def member(kind):
    try:
        raise kind("of a group\\nof two lines")
    except kind as error:
        return error
def chained():
    try:
        try:
            raise KeyError("cause")
        except KeyError as error:
            raise TypeError("effect") from error
    except TypeError as error:
        return error
def work():
    inner = ExceptionGroup("inner", [member(OSError), IndexError("never raised")])
    raise ExceptionGroup("outer", [member(ValueError), chained(), inner])
def handled():
    try:
        work()
    except ExceptionGroup as error:
        raise RuntimeError("after all") from error
def many():
    raise ExceptionGroup("many", [member(ValueError) for _ in range(40)])
def deep():
    error = member(ValueError)
    for n in range(30):
        error = ExceptionGroup(str(n), [error])
    raise error
"""
MARGINS = {
    "none": lambda n: "",
    "spaces": lambda n: "      ",
    "tab": lambda n: "\t",
    "bar": lambda n: "    | ",
    "prefix": lambda n: "ERROR shop.db: ",
    "times": lambda n: f"2026-11-20 10:00:{n % 60:02d},123 [12] ERROR ",
}


PIECES = [
    HEADER,
    "  + Exception Group " + HEADER,
    "\n",
    "  ",
    "    | ",
    '  File "x.py", line 3, in f',
    '  File "',
    '", line 1',
    ", in ",
    "  [Previous line repeated 5 more times]",
    "  +-+---------------- 1 ----------------",
    "    +---------------- ... ----------------",
    "    +------------------------------------",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
    "ValueError: x",
    "a.b.<locals>.C",
    "NoneType: None",
    "\tat x.y(Z.java:3)",
    "\x1b[31m",
    "\r",
    "\0",
    "\ud800",
    "é\u2028",
]
