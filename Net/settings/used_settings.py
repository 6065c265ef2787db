"""Which settings play no part in a run, so that its page leaves them out."""

from __future__ import annotations

from collections.abc import Container

import config
from hscd.detectors import DETECTORS
from hscd.kinds import KINDS
from hscd.kinds.classes import FILE as CLASSES
from hscd.networks.pretrained import NETWORK
from hscd.selections import by_code
from settings.families import FAMILIES, NETWORKS, names
from settings.keys import fields_of
from settings.records import Settings
from settings.two_images import IMAGES

_MAPS = ("maps by radii", "maps by percentages")
_SCORED = ("detect", "pseudo-labels")
_MAPPED = ("detect", "pseudo-labels", "test")
_OF_NETWORKS = ("training", "test", "compare")
# Commands, as run records call them, in which a field of the settings plays a part; in all, where it is not named here.
# "fine-tuning" is a test with one.
_USED_BY: dict[str, tuple[str, ...]] = {
    "train_set": ("training", "pseudo-labels", *_MAPS), "test_set": ("training", "test"),
    "distance": ("training", "test", "pseudo-labels", "compare"), "model_name": ("training", "test"),
    "training": ("training", "test"), "fine_tuning": ("test",),
    "pseudo_natural_ratio": ("fine-tuning",), "pseudo_limit": ("fine-tuning",), "preset": (*_MAPPED, *_MAPS),
    "normalisation": _SCORED, "detector": ("detect", "pseudo-labels", "fine-tuning", *_MAPS),
    "shift_tolerance": (*_MAPPED, "compare"), "ensemble": _SCORED, "ensemble_bands": _SCORED,
    "ensemble_detectors": _SCORED,
    "threshold": _MAPPED, "correction": (*_MAPPED, _MAPS[0]), "kinds": ("detect", "pseudo-labels", "test"),
    "objects": ("detect", "pseudo-labels", "test"), "objects_overlap": ("detect", "pseudo-labels", "test"),
    "loss": ("training",), "margin": ("training",), "network": ("training",), "pretraining": ("training",),
    "validation": ("training", "fine-tuning"), "backend": _OF_NETWORKS, "min_area": ("detect", "pseudo-labels", "test"),
    "engine": ("training", "test", "pseudo-labels", "compare"),
    "workers": ("training", "test", "pseudo-labels", "compare"), "model_path": _OF_NETWORKS,
    "learning": ("training", "fine-tuning", "compare"), "searches": ("training",), "compare": ("compare",),
    "explain": ("test",),
}  # fmt: skip


def unused_settings(settings: Settings, command: str, used: Container[str] = ()) -> list[str]:
    """The dotted names of settings that play no part in a run: of other commands, and options of methods not in use.

    Args:
        settings: of the run.
        command: as its record calls it.
        used: options of methods that others than the settings chose.
    """
    tunes = command == "test" and settings.fine_tuning != config.NO_FINE_TUNING
    of_run = {command, "fine-tuning"} if tunes else {command}
    found = [name for name, commands in _USED_BY.items() if not of_run & set(commands)]
    used_by_methods = _used_by_methods(settings, found)
    found = [name for name in found if name not in used_by_methods]
    if len(settings.members) == 1 and "ensemble_bands" not in found:
        found.append("ensemble_bands")
    if settings.objects == "none":
        found.append("objects_overlap")
    used_options = _used_options(settings, command, found)
    found += [f"options.{name}" for name in settings.options if name not in used_options and name not in used]
    for section in settings.data_sets:
        found.append(f"data_sets.{section}.name")
        if section == IMAGES or command in ("training", "detect"):
            found.append(f"data_sets.{section}.pseudo_path")
    if command == "training":
        own = names(NETWORKS.registry.options(settings.network))
        for distance, search in settings.searches.items():
            if distance != settings.distance:
                found.append(f"searches.{distance}")
            found += [f"searches.{distance}.options.{name}" for name in search.options if name not in own]
        found += [f"learning.{name}" for name in vars(settings.learning) if name.startswith("ft_")]
    return found


def keys_without_part(command: str) -> set[str]:
    """The keys of [settings] that play no part in a command, whatever methods are chosen.

    Args:
        command: as of `unused_settings`.
    """
    may = {"backend", "model_path", "model_name"}  # which some methods go by
    out = {name for name, commands in _USED_BY.items() if command not in commands} - may
    return {key.name for name, key in fields_of(Settings).items() if name in out}


def used_keys(settings: Settings, command: str) -> set[str]:
    """The keys of [settings] that play a part in a run; those of learning, searches and explanations apart.

    Args:
        settings: of the run.
        command: as of `unused_settings`.
    """
    out = set(unused_settings(settings, command))
    keys = {key.name for name, key in fields_of(Settings).items() if name not in out}
    return keys | {name for name in settings.options if f"options.{name}" not in out}


def _used_by_methods(settings: Settings, out: list[str]) -> set[str]:
    """The fields that the chosen methods go by, of the families that are not out of the run, by what they declare."""
    found = set()
    if "detector" not in out and any(NETWORK in DETECTORS.options(member) for member in _detectors(settings)):
        found.add("backend")  # a network for photographs
    if "kinds" not in out and CLASSES in KINDS.options(settings.kinds) and settings.options[CLASSES.name] is None:
        found |= {"model_path", "model_name"}  # whose classes are taken
    return found


def _detectors(settings: Settings) -> list[str]:
    """The detectors that are chosen, distances left out."""
    return [member for member in _chosen(settings, "detector") if member in DETECTORS]


def _used_options(settings: Settings, command: str, out: list[str]) -> set[str]:
    """The options of the members that are chosen, of the families that are not out of the run."""
    found = {"pseudo_radius"} if command == _MAPS[0] else set[str]()
    for family in FAMILIES:
        for member in () if family.key in out else _chosen(settings, family.key):
            if member in family.registry:
                found |= names(family.registry.options(member))
    return found


def _chosen(settings: Settings, key: str) -> list[str]:
    """The members of a family that settings choose by a key."""
    if key == "detector":
        return list(dict(settings.members))
    if key == "fine_tuning":
        return [] if settings.fine_tuning == config.NO_FINE_TUNING else [by_code(settings.fine_tuning)]
    return [getattr(settings, key)]
