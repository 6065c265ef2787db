"""The families of methods that the configuration chooses from, and the options of their members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hscd.branches import BRANCHES
from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS
from hscd.heads import HEADS
from hscd.kinds import KINDS
from hscd.losses import LOSSES
from hscd.normalisation import NORMALISATIONS
from hscd.pretraining import PRETRAININGS
from hscd.registry import Option, Registry
from hscd.search.engines import ENGINES
from hscd.selections import SELECTIONS
from hscd.thresholds import THRESHOLDS


@dataclass(frozen=True)
class Family:
    """Methods, one of which is chosen.

    Attributes:
        key: the key of [settings] that chooses it; those of the options come after it.
        registry: the methods.
    """

    key: str
    registry: Registry[Any]


FAMILIES = (
    Family("distance", HEADS),
    Family("fine_tuning", SELECTIONS),
    Family("normalisation", NORMALISATIONS),
    Family("detector", DETECTORS),
    Family("threshold", THRESHOLDS),
    Family("correction", CORRECTIONS),
    Family("kinds", KINDS),
    Family("loss", LOSSES),
    Family("pretraining", PRETRAININGS),
    Family("engine", ENGINES),
)
# Their options are searched: they stand in the sections of the searches.
NETWORKS = Family("network", BRANCHES)


def options_after(key: str) -> tuple[Option, ...]:
    """The options of the family that a key of [settings] chooses from."""
    return tuple(option for family in FAMILIES if family.key == key for option in family.registry.all_options())


def names(options: tuple[Option, ...]) -> set[str]:
    return {option.name for option in options}


def is_needed(name: str, families: tuple[Family, ...], general: Mapping[str, Any]) -> bool:
    """Whether a key without a default has to be given: not if only members that are not chosen have it as an option.

    Args:
        name: of the key.
        families: those whose options stand in the section.
        general: the values of [settings] by key.
    """
    having = [
        (family, member)
        for family in families
        for member in family.registry
        if name in names(family.registry.options(member))
    ]
    return not having or any(_chosen(family, general) == member for family, member in having)


def _chosen(family: Family, general: Mapping[str, Any]) -> Any:
    if family.key == "detector":
        return general.get("detector") or general.get("distance")
    if family.key == "fine_tuning":
        return next((name for name in SELECTIONS if SELECTIONS[name].code == general.get(family.key)), None)
    return general.get(family.key)
