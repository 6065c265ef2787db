"""Settings for two images that are named on the command line, without a configuration file."""

from __future__ import annotations

import configparser
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hscd.system.errors import InputError
from settings.explaining import ExplainSettings
from settings.families import names, options_after
from settings.keys import LABEL_KEYS, data_set_keys, fields_of, settings_keys
from settings.learning import LearningSettings
from settings.reader import nearest, parser_settings
from settings.records import SETTINGS_SECTION, Settings

# What messages call the two images.
IMAGES = "images"
# Keys that are the arguments of the command, or of networks, which have no part in it.
_NOT_HERE = {
    "train_set", "test_set", "distance", "model_name", "training", "fine_tuning", "model_path", "stat_path", "loss",
    "network", "backend", "engine", "workers", "imgAPath", "imgBPath", "labelPath", "pseudoPath", "pairs", "split",
    "parts", "parts_block", "margin", "pseudo_natural_ratio", "pseudo_limit", "pretraining", "validation",
    *fields_of(ExplainSettings), *fields_of(LearningSettings),
}  # fmt: skip
# Keys that choose a method among them: its options have no part either.
_FAMILIES_NOT_HERE = ("fine_tuning", "loss", "engine", "pretraining")


def settings_for(before: Path, after: Path, labels: Path | None, out: Path, overrides: Iterable[str] = ()) -> Settings:
    """The checked settings of an unsupervised detection.

    Args:
        before: an image, or a folder of its bands.
        after: the same.
        labels: a label map; None without.
        out: folder of the results.
        overrides: `KEY=VALUE` texts, keys of [settings] or of a data set that have a part in a detection.

    Raises:
        InputError: with one line for every problem.
    """
    parser = configparser.ConfigParser(interpolation=None)
    out = out.resolve()
    parser[SETTINGS_SECTION] = {
        "train_set": IMAGES, "test_set": IMAGES, "distance": "ED", "model_name": "none", "apply_rescaling": "False",
        "training": "False", "fine_tuning": "-1", "pseudo_percentage": "0.4", "pseudo_radius": "3",
        "preset": "unsupervised", "model_path": str(out), "stat_path": str(out),
    }  # fmt: skip
    parser[IMAGES] = {"imgAPath": str(before.resolve()), "imgBPath": str(after.resolve()), "pseudoPath": str(out)}
    if labels is not None:
        parser[IMAGES]["labelPath"] = str(labels.resolve())
    places = {key.name: SETTINGS_SECTION for key in settings_keys()} | {key.name: IMAGES for key in data_set_keys()}
    left_out = _NOT_HERE.union(*(names(options_after(key)) for key in _FAMILIES_NOT_HERE))
    keys = {name.lower(): section for name, section in places.items() if name not in left_out}
    overrides = tuple(overrides)
    for override in overrides:
        key, equals, value = override.partition("=")
        section = keys.get(key.strip().lower())
        if not equals or section is None:
            known = [name for name in places if name not in left_out]
            near = "" if key.strip() in left_out else nearest(key.strip(), known)
            if near and equals:
                raise InputError(f"--set {override}: unknown key{near}")
            raise InputError(f"--set {override}: expected KEY=VALUE with one of the keys {', '.join(known)}")
        parser[section][key.strip()] = value.strip()
    if labels is not None and not all(key in parser[IMAGES] for key in LABEL_KEYS[:2]):
        raise InputError(
            f"--labels {labels}: which of its values mean changed and unchanged is missing; for example "
            "--set changedLabel=1 --set unchangedLabel=2"
        )
    return replace(parser_settings(parser, "command line"), overrides=overrides)
