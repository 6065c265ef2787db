"""A table of a page, and how its columns stand."""

from __future__ import annotations

import re
from typing import NamedTuple

# A cell that holds a number, with what may follow it: a unit, a deviation, the other end of an interval, of how many.
_NUMERIC = re.compile(r"–|[-+−<≈]? ?\d[\d,.e+-]*( ?%)?( (±|…|of) .*)?")


class Told(NamedTuple):
    """A table with its title and what is said of it, in which words between asterisks are those of its head."""

    title: str
    about: str
    rows: list[dict[str, str]]

    @property
    def numeric(self) -> set[str]:
        """The columns of numbers alone, which stand one below the other at the right."""
        return {
            column
            for column in (self.rows[0] if self.rows else ())
            if all(_NUMERIC.fullmatch(cell) for row in self.rows if (cell := row.get(column)))
        }
