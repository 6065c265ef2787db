"""The commands that make the maps of a saved model, with which a comparison ran it, for a data set of net.conf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import config
from hscd.corrections import CORRECTIONS
from hscd.registry import Option, Registry
from hscd.selections import SELECTIONS, by_code
from hscd.thresholds import THRESHOLDS
from pipeline.commands import suggested
from pipeline.methods import Method
from settings import Settings
from settings.keys import fields_of
from settings.records import SETTINGS_SECTION


def command_of_model(method: Method, base: Settings, data: str, *, anywhere: bool) -> str:
    """The command that tests the model of a method on a data set; before it, the one that makes its pseudo-labels.

    Their maps before spatial correction are those of a method without one. A test knows one correction alone, which
    pseudo-labels are corrected by too: "" where a method has another one of each.

    Args:
        method: of a model.
        base: settings of the comparison.
        data: name of the data set.
        anywhere: whether they shall work in every folder, as they are read in a file.
    """
    assert method.model is not None
    tells: dict[str, Any] = {
        "test_set": data, "model_name": method.model, "training": False, "threshold": method.threshold,
        "apply_rescaling": method.rescaled, "correction": method.correction,
    }  # fmt: skip
    before, pseudo = "", method.pseudo
    if pseudo is None:
        tells["fine_tuning"] = config.NO_FINE_TUNING
    else:
        if method.correction not in ("none", pseudo.correction):
            return ""
        tells |= method.selection | {"correction": pseudo.correction}
        several = ", ".join(pseudo.detectors) if len(pseudo.detectors) > 1 else None
        of_pseudo = {
            "train_set": data, "detector": pseudo.detectors[0], "ensemble_detectors": several,
            "ensemble": pseudo.ensemble, "ensemble_bands": 1.0, "threshold": pseudo.threshold,
            "correction": pseudo.correction, "normalisation": pseudo.normalisation, "apply_rescaling": pseudo.rescaled,
        } | pseudo.options  # fmt: skip
        before = suggested("pseudo-labels", settings=base, sets=_sets(of_pseudo, base), anywhere=anywhere) + " && "
    told = _sets(tells | _own_options(method), base)
    return before + suggested("test", settings=base, sets=told, anywhere=anywhere)


def _own_options(method: Method) -> dict[str, Any]:
    """The options of what a test chooses: those of the threshold, the correction and the selection."""
    chosen: list[tuple[Registry[Any], str]] = [(THRESHOLDS, method.threshold), (CORRECTIONS, method.correction)]
    if method.pseudo is not None:
        chosen = [
            (THRESHOLDS, method.threshold), (CORRECTIONS, method.pseudo.correction),
            (SELECTIONS, by_code(method.selection["fine_tuning"])),
        ]  # fmt: skip
    known: list[Option] = [option for family, name in chosen for option in family.options(name)]
    values = method.options if method.pseudo is None else method.pseudo.options | method.options
    return {option.name: values[option.name] for option in known if option.name in values}


def _sets(told: Mapping[str, Any], base: Settings) -> tuple[str, ...]:
    """The texts for --set. A key that has no value is told as that, unless the settings have none of it either."""
    has = {key.name: getattr(base, name) for name, key in fields_of(Settings).items()} | base.options
    return tuple(
        f"{SETTINGS_SECTION}.{key}={'' if value is None else value}"
        for key, value in told.items()
        if value is not None or has.get(key) is not None
    )
