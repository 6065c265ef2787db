"""The keys of each kind of section, gathered from the records and the families."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from hscd import labels
from hscd.registry import Option
from settings.comparison import CompareSettings
from settings.data_set import DataSet
from settings.declared import OPTION
from settings.explaining import ExplainSettings
from settings.families import FAMILIES, NETWORKS, names, options_after
from settings.learning import LearningSettings
from settings.records import Settings
from settings.search import SearchSettings

LABEL_KEYS = labels.KEYS
MASK_KEYS = ("changedMask", "unchangedMask")


def fields_of(record: type) -> dict[str, Option]:
    """The keys that fill the fields of a record, by the names of the fields."""
    found = {field.name: field.metadata.get(OPTION) for field in dataclasses.fields(record)}
    return {name: option() if callable(option) else option for name, option in found.items() if option is not None}


def settings_keys() -> tuple[Option, ...]:
    """The keys of [settings]: those of a family's options come after the one that chooses from the family.

    Those of `ExplainSettings` come after the ones of changed objects, those of `LearningSettings` after the one that
    says what a training is validated on.
    """
    fields = fields_of(Settings)
    after = {"objects_overlap": ExplainSettings, "validation": LearningSettings}
    return _each_once(
        key
        for name, field in fields.items()
        for key in (field, *options_after(field.name), *(fields_of(after[name]).values() if name in after else ()))
    )


def data_set_keys() -> tuple[Option, ...]:
    """The keys of a data set's section."""
    return tuple(fields_of(DataSet).values())


def search_keys() -> tuple[Option, ...]:
    """The keys of a section [hyperas settings …]."""
    return _each_once((*fields_of(SearchSettings).values(), *NETWORKS.registry.all_options()))


def compare_keys() -> tuple[Option, ...]:
    """The keys of the section [compare]."""
    return tuple(fields_of(CompareSettings).values())


def family_options() -> set[str]:
    """The names of the keys of [settings] that are options of members."""
    return names(tuple(option for family in FAMILIES for option in family.registry.all_options()))


def network_options() -> set[str]:
    """The names of the keys of searches that are options of branch networks."""
    return names(NETWORKS.registry.all_options())


# What a kind of section is called, and its keys.
KINDS: dict[str, Callable[[], tuple[Option, ...]]] = {
    "settings": settings_keys,
    "data set": data_set_keys,
    "search": search_keys,
    "compare": compare_keys,
}


def _each_once(options: Iterable[Option]) -> tuple[Option, ...]:
    """Options by name; members of several families may share one.

    Raises:
        ValueError: if one name means two keys.
    """
    found: dict[str, Any] = {}
    for option in options:
        if found.setdefault(option.name, option) != option:
            raise ValueError(f"two different keys are named {option.name!r}")
    return tuple(found.values())
