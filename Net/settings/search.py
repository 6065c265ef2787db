"""The record of a section [hyperas settings …]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import config
from hscd.learn.regime import OPTIMIZERS, SCHEDULES
from hscd.records import LARGEST_BATCH
from hscd.system import parsing
from settings.declared import key


@dataclass(frozen=True)
class SearchSettings:
    """A [hyperas settings …] section: the choices of the search; `options` are those of the network by key."""

    batch_size: list[int] = field(
        metadata=key(
            "batch_size", lambda text: parsing.integers(text, high=LARGEST_BATCH),
            f"a Python list of integers from 1 to {LARGEST_BATCH}, for example [32, 64]",
            says="choices of how many pixel pairs a training step has",
        )
    )  # fmt: skip
    max_evals: int = field(
        default=config.MAX_EVALS,
        metadata=key(
            "max_evals", lambda text: parsing.integer(text, 1), "an integer >= 1", config.MAX_EVALS, "number of trials"
        ),
    )
    options: dict[str, Any] = field(default_factory=dict)
    optimizer: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            "optimizer", parsing.names_of(OPTIMIZERS), " or ".join(OPTIMIZERS) + ", or both", None,
            "choices of optimiser, Adam or gradient descent with a momentum of 0.9", OPTIMIZERS[0],
        ),
    )  # fmt: skip
    schedule: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            "schedule", parsing.names_of(SCHEDULES), f"names among {', '.join(SCHEDULES)}", None,
            "choices of how the learning rate falls", "constant",
        ),
    )  # fmt: skip

    @property
    def choices(self) -> dict[str, Any]:
        """What a search is to choose from, by key: all that is given but the number of its trials."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return {name: value for name, value in given.items() if name not in ("max_evals", "options")} | self.options


def search_section(distance: str) -> str:
    """The name of the section of the search for a network of a distance."""
    return f"hyperas settings {distance}"


def search_missing(distance: str, others: Iterable[str]) -> str:
    """What to say where a training has no section of its search, but maybe those of other distances."""
    like = next(iter(others), None)
    copy = f"; copy that of {like}" if like else ""
    return f"section [{search_section(distance)}] is missing, which distance = {distance} needs{copy}"
