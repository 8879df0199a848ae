"""What the records of the corpus say: templates, and words to look for.

Some words are put there to be searched for: one in few records, some in every
fifth, and words that no record has although all their pieces are there.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

from frames import NOUNS, raised

USERS = 100_000
PEOPLE = (
    "Zoë Müller",
    "José Núñez",
    "Łukasz Żak",
    "Ana Ruiz",
    "Ольга",
    "王芳",
    "Bo Li",
)
TOWNS = ("Zürich", "Köln", "Málaga", "Paris", "Łódź", "Oslo")

RARE_WORD = "zyzzyva"
COMMON_WORDS = "status 200"
# Made of pieces that no record has; of the pieces of two words that no record
# has both of; of two that all records of the commonest places have.
NO_WORD = "qxzjvkw"
GLUED_WORD = "connectionce"
GLUED_IN_ONE_WORD = "statuser"

# Gives a number from 0 to 1.
Draw = Callable[[], float]
Arguments = tuple[str, str | int, float]


def of_request(draw: Draw) -> Arguments:
    """Draw a noun, a user and a duration."""
    return NOUNS[int(draw() * 8)], int(draw() * USERS), draw() * 200


def of_identity(draw: Draw) -> Arguments:
    """Draw a noun, what looks like a UUID, and a duration."""
    high, low = int(draw() * 2**53), int(draw() * 2**53)
    text = f"{high:014x}{low:014x}{int(draw() * 65536):04x}"
    identity = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return NOUNS[low % 8], identity, draw() * 200


def of_person(draw: Draw) -> Arguments:
    """Draw a name, a town and an amount."""
    return PEOPLE[int(draw() * 7)], TOWNS[int(draw() * 6)], draw() * 2000


# In turn for the places that log, from the commonest on.
TEMPLATES: tuple[tuple[str, Callable[[Draw], Arguments]], ...] = (
    ("GET /shop/%s status 200 for user %d in %.1f ms", of_request),
    ("%s %s taken from the queue, waited %.1f ms", of_identity),
    ("SELECT %s of customer %d: 12 rows in %.3f ms, plan reused", of_request),
    ("connection for %s %d taken from the pool, idle for %.1f ms", of_request),
    ("%s %d was retried once more, %.1f ms after the first attempt", of_request),
    ("order of %s to %s accepted, total %.2f EUR", of_person),
    ("%s %s expired, it was %.0f minutes old", of_identity),
    ("invoice %s %d: discount applied, %.2f EUR remain", of_request),
    ("cannot reach the warehouse, %s %d is late by %.0f s", of_request),
    ("mail to %s in %s was queued, %.0f wait before it", of_person),
)


def tracebacks() -> tuple[str, ...]:
    """Return formatted tracebacks of different depths."""
    errors = [raised(depth) for depth in range(1, 13)]
    return tuple("".join(traceback.format_exception(each)).rstrip() for each in errors)
