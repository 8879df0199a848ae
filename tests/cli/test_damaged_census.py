"""What processes, loggers and new make of damaged databases: records or one error."""

import random

import pytest
from store.stored import opened

SINCE = "2023-11-14T22:20"


@pytest.fixture
def database(fill):
    """Records of an hour, some with tracebacks, of a few loggers and processes."""
    return fill(
        *(
            {
                "created": 1_700_000_000.0 + 12 * n,
                "name": f"a.n{n % 7}",
                "lineno": n % 5,
                "process": n % 4,
                "started": float(1_699_990_000 * (n % 3)),
                "message": f"text {n} " * 9,
                "exc_text": "Traceback (most recent call last):\n"
                f'  File "a.py", line 3, in f{n % 2}\nValueError: {n}'
                if n % 9 == 0
                else None,
            }
            for n in range(300)
        )
    )


def spoilt(data: bytes, seed: int) -> bytes:
    """Return bytes with some of them changed, by chance."""
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 10, 300))):
        changed[chance.randrange(100, len(changed))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize(
    "command", [("processes",), ("loggers",), ("new", "--since", SINCE, "--utc")]
)
def test_damaged_pages(run, database, command):
    """Whatever is damaged in a file, the answer is no traceback."""
    with opened(database) as one:
        one.index(200)
    sound = database.read_bytes()
    for seed in range(12):
        database.write_bytes(spoilt(sound, seed))
        result = run(*command, "--db", database)

        if result.exit_code == 0:
            assert result.exception is None
        else:
            assert result.exit_code in (1, 2)
            assert isinstance(result.exception, SystemExit), result.exception
            assert str(database) in result.stderr
