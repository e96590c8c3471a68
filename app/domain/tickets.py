"""Ticket numbers: what is printed, called and shown, `A001`.

A letter names the queue, three digits count within the hospital's day. A ticket never changes and is never reused that
day (promise Q4); where the number comes from is a matter of the database, not of this module.
"""

import re

from app.domain.errors import TicketUnreadable
from app.domain.typed import tidy_number

# I and O are left out: on a screen across the room they read as 1 and 0.
QUEUE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"

_TICKET = re.compile(r"([A-HJ-NP-Z]{1,2})([0-9]{3,6})")


def format_ticket(letters: str, number: int) -> str:
    """Return `A001` for ("A", 1), `A1000` for ("A", 1000).

    Raises ValueError for letters no queue has or a number below one: a mistake of ours.
    """
    ticket = f"{letters}{number:03}"
    if number < 1 or not _TICKET.fullmatch(ticket):
        raise ValueError(f"no such ticket: letters={letters!r} number={number}")
    return ticket


def parse_ticket(text: str) -> tuple[str, int]:
    """Return letters and number of a typed ticket; lower case and spaces are forgiven, a second spelling is not.

    Raises TicketUnreadable when it is none.
    """
    match = _TICKET.fullmatch(tidy_number(text))
    if match is None or int(match[2]) < 1 or format_ticket(match[1], int(match[2])) != match[0]:
        raise TicketUnreadable("ticket")
    return match[1], int(match[2])


def queue_letters(index: int) -> str:
    """Return the letters of the queue opened as number `index` (from 0) of a day: A to Z, then AA, AB and on.

    Raises ValueError when two letters are not enough (600 queues).
    """
    base = len(QUEUE_LETTERS)
    if not 0 <= index < base + base * base:
        raise ValueError(f"no letters for queue {index}")
    if index < base:
        return QUEUE_LETTERS[index]
    first, second = divmod(index - base, base)
    return QUEUE_LETTERS[first] + QUEUE_LETTERS[second]
