"""The record of the section [compare]."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from hscd.system import parsing
from settings.declared import key

COMPARE_SECTION = "compare"


@dataclass(frozen=True)
class CompareSettings:
    """What compare.py compares where its command line does not say; None for methods and data stands for a default."""

    methods: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            "methods", parsing.names, "DETECTOR+THRESHOLD+CORRECTION:KEY=VALUE, separated by commas", None,
            "methods to compare, each a detector or a saved model and, as needed, threshold, correction and options",
            "every detector with the threshold that goes with it",
        ),
    )  # fmt: skip
    data: tuple[str, ...] | None = field(
        default=None,
        metadata=key(
            "data", parsing.names, "names of data sets' sections, separated by commas", None,
            "data sets to compare them on", "test_set",
        ),
    )  # fmt: skip
    seeds: int = field(
        default=3,
        metadata=key(
            "seeds", partial(parsing.integer, low=1, high=1000), "an integer from 1 to 1000", 3,
            "how often each method runs, with the seeds from that of [settings] on",
        ),
    )  # fmt: skip
