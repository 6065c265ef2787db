"""Stage: what made the pseudo-labels of a pair, and whether the settings would make them in the same way.

Their file has no more than the guide's program reads. What made it is in the record of the run that did.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from hscd.detectors import DETECTORS
from hscd.normalisation import NORMALISATIONS
from hscd.reports.page.found import read_run
from hscd.system.errors import InputError, brief
from hscd.system.messages import warn
from pipeline.commands import key_of
from pipeline.run_record import plain, resolved
from settings import DataSet, Settings

# Settings of a run as its record has them.
Recorded = Mapping[str, Any]


class Made(NamedTuple):
    """What made pseudo-labels: in a few words, and as settings (`as_made`)."""

    by: str
    settings: Settings


# Keys that scores depend on, besides the detector and its options. A model has a scale and a threshold of its own.
_KEYS = "normalisation", "shift_tolerance", "ensemble", "ensemble_bands"
# Those that say what makes them, as `key_of` has them; the distance alone does where no detector is named.
_DETECTORS = {"settings.detector", "settings.ensemble_detectors", "settings.distance"}


def recorded_source(settings: Settings, section: DataSet, pair_name: str, threshold: float) -> Recorded | None:
    """The settings of the latest run that made pseudo-labels of a pair with this threshold; None where none tells."""
    for record in reversed(_runs(settings, section)):
        if record["results"].get(pair_name, {}).get("threshold") == threshold:
            return record["settings"]
    return None


def made_by_others(settings: Settings, section: DataSet, pair_names: Iterable[str]) -> dict[str, list[str]]:
    """Which pairs have pseudo-labels whose file the latest run of another kind made, by what made them.

    Those of the same kind have the same record, which tells more (`pipeline.replaced`); of others nothing is known.
    """
    latest, found, folder = dict[str, Recorded](), dict[str, list[str]](), section.pseudo_folder()
    for record in _runs(settings, section):
        told = record["settings"].get("data_sets")
        place = told.get(section.name) if isinstance(told, dict) else None
        if isinstance(place, dict) and _is_same(place.get("pseudo_path"), folder):
            latest |= dict.fromkeys(record["results"], record["settings"])
    kind = _kind(plain(resolved(settings, [])))
    for name in pair_names:
        if name in latest and _kind(latest[name]) != kind and (folder / f"{name}.pickle").exists():
            found.setdefault(described(latest[name]), []).append(name)
    return found


def _is_same(recorded: Any, folder: Path) -> bool:
    """Whether a record names this folder, which links may lead to."""
    return isinstance(recorded, str) and Path(recorded).resolve() == folder.resolve()


def _kind(source: Recorded) -> tuple[Any, ...]:
    """What the name of a record has of a run."""
    return source.get("detector") or source.get("distance"), source.get("apply_rescaling")


def _runs(settings: Settings, section: DataSet) -> list[Recorded]:
    """The records of runs that made pseudo-labels of a data set, the latest last."""
    found = []
    name = f"{glob.escape(section.name)}_*_pseudo_rescaling_*_run.json"
    for path in settings.stat_path.glob(name):
        try:
            record = read_run(path).record
        except InputError:
            continue
        if record["command"] == "pseudo-labels" and _names(record["settings"]):
            found.append(record)
    return sorted(found, key=itemgetter("started"))


def described(source: Recorded | None) -> str:
    """What made pseudo-labels, in a few words."""
    if source is None:
        return "an unknown detector (no run record in stat_path names it)"
    scale = "rescaled" if source.get("apply_rescaling") else "not rescaled"
    return brief(f"{'/'.join(_names(source))} ({source.get('threshold')}, {scale})")


def doubt(source: Recorded | None, settings: Settings, *, of_model: bool = True) -> str:
    """What to say where other scores made pseudo-labels than those of the settings; "" where nothing tells.

    Settings that name no detector, as those of a test need not, only count where they name something else.

    Args:
        source: what made them.
        settings: those of the run.
        of_model: whether distance and scale are those of a model; where there is none, `as_asked` has the distance, and
            a scale that --set gives counts, too.
    """
    asked = settings if of_model else as_asked(settings)
    differ, scale = _differing(source, asked), settings.apply_rescaling
    made = scale if of_model or source is None else source.get("apply_rescaling", scale)
    if made != scale and asks_for(settings, "apply_rescaling"):
        differ["apply_rescaling"] = made, scale
    if not differ:
        return ""
    says = {} if asked is settings else {"detector": "distance"}  # as the user wrote it
    texts = [
        ", ".join(f"{names.get(key, key)} = {values[of]}" for key, values in differ.items())
        for of, names in enumerate(({}, says))
    ]
    return brief(
        f"these pseudo-labels were made with {texts[0]}, and the settings say {texts[1]}, which is not used; set what "
        "made them if they are meant, or make them again", 600
    )  # fmt: skip


def as_made(source: Recorded | None, settings: Settings) -> Settings:
    """The settings, with the detector that made pseudo-labels and what else their scores depend on as --set says it.

    They stay as they are where they would make them in the same way, and where nothing tells what did.
    """
    if source is None or not _differing(source, settings):
        return settings
    names = _names(source)
    several = len(names) > 1
    sets = {"ensemble_detectors" if several else "detector": ", ".join(names)}
    if not several and settings.ensemble_detectors:
        sets["ensemble_detectors"] = ""  # takes back what the file says
    made = replace(settings, detector=names[0], ensemble_detectors=tuple(names) if several else ())
    sets |= {key: _text(values[0]) for key, values in _differing(source, made).items()}
    return replace(made, overrides=(*settings.overrides, *(f"settings.{key}={text}" for key, text in sets.items())))


def all_made(section: DataSet, made: Mapping[str, Made], settings: Settings) -> Settings:
    """The settings by which the pseudo-labels of all pairs were made; where they are not alike, that is warned of.

    Then the settings name no detector but that of a preset, so that a test on them does not doubt any.

    Args:
        section: of the data set.
        made: what made them, by the names of pairs.
        settings: those of the run.
    """
    pairs: dict[str, list[str]] = {}
    for name, of in made.items():
        pairs.setdefault(of.by, []).append(name)
    if len(pairs) == 1:
        return next(iter(made.values())).settings
    told = "; ".join(f"{brief(', '.join(names), 100)} by {by}" for by, names in pairs.items())
    warn(f"[{section.name}]: the pseudo-labels of its pairs were not made alike: {told}")
    sets = tuple(text for text in settings.overrides if key_of(text) not in _DETECTORS)
    sets += ("settings.detector=", "settings.ensemble_detectors=") if names_detector(settings) else ()
    return replace(settings, detector=None, ensemble_detectors=None, overrides=sets)


def _text(value: Any) -> str:
    """A value of a record as --set takes it."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _differing(source: Recorded | None, settings: Settings) -> dict[str, tuple[Any, Any]]:
    """What scores depend on that was otherwise when pseudo-labels were made: its value then, and now, by key."""
    if source is None:
        return {}
    made, asked = (_scored_by(of) for of in (source, plain(resolved(settings, []))))
    if not names_detector(settings):
        defaults = {field.name: field.default for field in fields(settings)}
        asked = {key: asked[key] for key in _KEYS if asked[key] != defaults[key]}
    return {key: (made[key], asked[key]) for key in asked if key in made and asked[key] != made[key]}


def asks_for(settings: Settings, key: str) -> bool:
    """Whether --set gives a key of [settings], rather than the file, where it may be that of the network."""
    return any(key_of(text) == f"settings.{key}" for text in settings.overrides)


def as_asked(settings: Settings) -> Settings:
    """The settings where nothing is trained or tested: a distance that --set gives is the detector if none is named."""
    if asks_for(settings, "distance") and not names_detector(settings):
        return replace(settings, detector=settings.distance)
    return settings


def names_detector(settings: Settings) -> bool:
    """Whether the settings say what makes pseudo-labels, rather than leave it to the distance of the network."""
    return settings.detector is not None or bool(settings.ensemble_detectors)


def _names(source: Recorded) -> list[str]:
    """The detectors of settings; none of a record that is damaged."""
    names = source.get("ensemble_detectors") or [source.get("detector") or source.get("distance")]
    return [str(name) for name in names] if isinstance(names, list) and all(names) else []


def _scored_by(source: Recorded) -> dict[str, Any]:
    """What the scores of settings depend on, by key; an earlier record may lack some."""
    given, names = source.get("options"), _names(source)
    options = [option for name in names if name in DETECTORS for option in DETECTORS.options(name)]
    if (normalisation := str(source.get("normalisation"))) in NORMALISATIONS:
        options += NORMALISATIONS.options(normalisation)
    found = {"detector": "/".join(names)} | {key: source[key] for key in _KEYS if key in source}
    values = given if isinstance(given, dict) else {}
    return found | {option.name: values[option.name] for option in options if option.name in values}
