"""Settings for two images that are named on the command line, without a configuration file."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hscd.labels import OTHER, counted_values
from hscd.readers import image_of, label_map_of, open_label_map
from hscd.scenes.band_choice import BandRange
from hscd.system.errors import InputError, nearest
from settings.data_set import DataSet
from settings.explaining import ExplainSettings
from settings.families import FAMILIES, Family, names, options_after
from settings.keys import LABEL_KEYS, MASK_KEYS, data_set_keys, fields_of, settings_keys
from settings.learning import LearningSettings
from settings.reader import parser_settings
from settings.records import SETTINGS_ALIAS, SETTINGS_SECTION, Settings

# What messages call the two images.
IMAGES = "images"
# Keys that are the arguments of the command, or of networks, which have no part in it.
_NOT_HERE = {
    "train_set", "test_set", "distance", "model_name", "training", "fine_tuning", "model_path", "stat_path", "loss",
    "network", "backend", "engine", "workers", "imgAPath", "imgBPath", "labelPath", "pseudoPath", "pairs", "split",
    "parts", "parts_block", "margin", "pseudo_natural_ratio", "pseudo_limit", "pretraining", "validation",
    *fields_of(ExplainSettings), *fields_of(LearningSettings),
}  # fmt: skip
# Keys that say how a label map is read.
OF_LABELS = (*LABEL_KEYS, "matLabelTruth")
# Keys that choose a method among them: its options have no part either.
_FAMILIES_NOT_HERE = ("fine_tuning", "loss", "engine", "pretraining")


def places() -> dict[str, str]:
    """The keys that have a part in it, and their sections."""
    left_out = _left_out()
    of = [(SETTINGS_SECTION, key.name) for key in settings_keys()] + [(IMAGES, key.name) for key in data_set_keys()]
    return {name: section for section, name in of if name not in left_out}


def _left_out() -> set[str]:
    return _NOT_HERE.union(*(names(options_after(key)) for key in _FAMILIES_NOT_HERE))


def settings_for(
    before: Path,
    after: Path,
    labels: Path | None,
    out: Path,
    overrides: Iterable[str] = (),
    *,
    needs_values: bool = True,
) -> Settings:
    """The checked settings of an unsupervised detection.

    Args:
        before: an image, a folder of its bands or one of a single image.
        after: the same.
        labels: a label map, or the folder of one; None without.
        out: folder of the results.
        overrides: `KEY=VALUE` texts, keys of [settings] or of a data set that have a part in a detection; the first may
            be `settings.KEY`, as of a configuration file. The settings have them as the keys are spelt here.
        needs_values: whether it is an error if they do not say which values of the labels mean changed and unchanged;
            otherwise the data set has none for what is missing.

    Raises:
        InputError: with one line for every problem; as reading raises it for labels whose values are missing.
    """
    parser = configparser.ConfigParser(interpolation=None)
    out = out.resolve()
    parser[SETTINGS_SECTION] = {
        "train_set": IMAGES, "test_set": IMAGES, "distance": "ED", "model_name": "none", "apply_rescaling": "False",
        "training": "False", "fine_tuning": "-1", "pseudo_percentage": "0.4", "pseudo_radius": "3",
        "preset": "unsupervised", "model_path": str(out), "stat_path": str(out),
    }  # fmt: skip
    parser[IMAGES] = {"imgAPath": _image(before), "imgBPath": _image(after), "pseudoPath": str(out)}
    keys = places()
    given = [_parsed(override, keys) for override in overrides]
    for name, value in given:
        parser[keys[name]][name] = value
    told = all(key in parser[IMAGES] for key in LABEL_KEYS[:2])
    if labels is not None and told:
        parser[IMAGES]["labelPath"] = _image(labels)
        if not parser.has_option(IMAGES, LABEL_KEYS[2]):
            parser[IMAGES][LABEL_KEYS[2]] = OTHER  # as in the library: who names two values means these
    settings = parser_settings(parser, "command line")
    if labels is not None and not told:
        section = replace(settings[IMAGES], label_path=Path(_image(labels)))
        if needs_values:
            missing = f"which of its values mean {' and '.join(_missing(section))} is missing"
            raise InputError(f"--labels {labels}: {missing}; it {values_to_name(section)}")
        settings = replace(settings, data_sets={IMAGES: section})
    return replace(settings, overrides=tuple(f"{name}={value}" for name, value in given))


def _missing(section: DataSet) -> dict[str, str]:
    """The keys that are missing to say what label values mean, by what is meant."""
    given = zip(("changed", "unchanged"), LABEL_KEYS, (section.changed_label, section.unchanged_label), strict=False)
    return {what: key for what, key, values in given if values is None}


def values_to_name(section: DataSet) -> str:
    """What the label map of two images holds, and how to say what that means; "" where that is said.

    Raises:
        InputError: as reading the label map raises it.
    """
    missing = _missing(section)
    if section.label_path is None or not missing:
        return ""
    labels, colours = label_map_of(open_label_map(section.label_path, section.variables[2]))
    sets = " ".join(f"--set {key}=VALUE" for key in missing.values())
    return f"holds {counted_values(labels, colours=colours)}; say what they mean by {sets}"


def sets_of(section: DataSet) -> tuple[str, ...]:
    """The `KEY=VALUE` texts that read two images as the data set of a section has them read."""
    keys = {name: option for name, option in fields_of(DataSet).items() if option.name in places()}
    of_images = {name: option for name, option in keys.items() if option.name not in (*OF_LABELS, *MASK_KEYS)}
    given = ((option, getattr(section, name)) for name, option in of_images.items())
    return tuple(f"{option.name}={_text(value)}" for option, value in given if value != option.default)


def _text(value: Any) -> str:
    """A value of a data set's key as it is written."""
    if not isinstance(value, tuple):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    entries = []
    for entry in value:
        if isinstance(entry, BandRange):
            unit = " nm" if entry.by_wavelength else ""
            ends = dict.fromkeys(f"{end:.15g}" for end in (entry.low, entry.high))  # one, where both are the same
            entry = f"{'-'.join(ends)}{unit}"
        entries.append(str(entry))
    return ", ".join(entries)


def unused(settings: Settings) -> dict[str, str]:
    """The texts of --set that have no effect here, options of other methods and values of no labels: what to say."""
    families, found = [family for family in FAMILIES if family.key not in _FAMILIES_NOT_HERE], dict[str, str]()
    for override in settings.overrides:
        name, _ = _parsed(override, places())
        if name in OF_LABELS and settings[IMAGES].label_path is None:
            found[override] = f"--set {override}: has no effect without --labels"
        having = {family.key: [of for of in family.registry if _has(family, of, name)] for family in families}
        having = {key: members for key, members in having.items() if members}
        if having and not any(set(_chosen(settings, key)) & set(members) for key, members in having.items()):
            key, members = next(iter(having.items()))
            found[override] = (
                f"--set {override}: has no effect with {key} = {'/'.join(_chosen(settings, key))}; it goes with "
                f"{' or '.join(f'{key} = {member}' for member in members)}"
            )
    return found


def _has(family: Family, member: str, name: str) -> bool:
    return name in names(family.registry.options(member))


def _chosen(settings: Settings, key: str) -> list[str]:
    """The members of a family that settings choose by a key."""
    return list(dict(settings.members)) if key == "detector" else [getattr(settings, key)]


def _image(path: Path) -> str:
    return str(image_of(path).resolve())


def _parsed(override: str, keys: Mapping[str, str]) -> tuple[str, str]:
    """The name of the key of a `KEY=VALUE` text, as `keys` spell it, and its value; `keys` are those of `places`."""
    given, equals, value = (part.strip() for part in override.partition("="))
    section, dot, key = given.rpartition(".")
    # What other scripts take: SECTION.KEY.
    known = [name for name, of in keys.items() if not dot or of == SETTINGS_SECTION]
    if not dot or section.lower() in (SETTINGS_SECTION, SETTINGS_ALIAS):
        given = key
    name = {name.lower(): name for name in known}.get(given.lower())
    if name is None and given in _left_out():
        raise InputError(f"--set {override}: has no part in a map of two images without a model")
    if name is None:
        raise InputError(f"--set {override}: unknown key{nearest(key, keys) or '; --help lists the keys'}")
    if not equals:
        raise InputError(f"--set {override}: the value is missing; expected {name}=VALUE")
    return name, value
