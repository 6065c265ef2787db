"""Stage: the methods of a comparison, from their texts to the settings that they stand for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import config
from hscd.corrections import CORRECTIONS
from hscd.detection import UNSUPERVISED, natural_threshold
from hscd.detectors import DETECTORS
from hscd.models import saved as models
from hscd.normalisation import NORMALISATIONS
from hscd.registry import Option, Registry
from hscd.scenes.fingerprint import NO, seen_in_training
from hscd.selections import SELECTIONS, by_code
from hscd.system.errors import InputError, nearest
from hscd.thresholds import THRESHOLDS
from pair_finding import PairFiles
from pipeline.commands import suggested
from pipeline.plan import OF_NETWORKS
from settings import DataSet, Settings
from settings.keys import fields_of
from settings.two_images import IMAGES, OF_LABELS, sets_of

# What a method was told of change before it saw a pair.
NO_LABELS = "no labels"
OTHER_LABELS = "labels of another scene"
UNTOLD_LABELS = "labels, of which scene its file does not say"
OTHER_PARTS = "labels of other parts of this scene"
THESE_LABELS = "labels of this scene"

_SYNTAX = "DETECTOR[/DETECTOR …][+THRESHOLD[+CORRECTION]][:KEY=VALUE …]"
_NORMALISATION, _RESCALING, _ENSEMBLE = "normalisation", "apply_rescaling", "ensemble"
# Characters of the name of a method that a folder is called by.
_LONGEST = 80
# Keys of a model that is fine-tuned: which pseudo-labels, whether their detector gets rescaled values, which of them.
_PSEUDO, _PSEUDO_RESCALING = "pseudo_labels", "pseudo_rescaling"
_TUNING = {"fine_tuning": 0, "pseudo_natural_ratio": False, "pseudo_limit": None}


@dataclass(frozen=True)
class Method:
    """A detector or a saved model, with all that it takes to make a map of its scores.

    `name` is how tables call it, `scores` how they call its scores, whatever the threshold; `detectors` are several of
    an ensemble and none of a model, `model` is None of detectors. `options` are those of the chosen members, by key.
    A model that is fine-tuned learns from the pseudo-labels that the method `pseudo` makes, those that the settings
    `selection` choose.
    """

    name: str
    scores: str
    detectors: tuple[str, ...]
    model: str | None
    threshold: str
    correction: str
    normalisation: str = "none"
    rescaled: bool = False
    ensemble: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    pseudo: Method | None = None
    selection: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What gives the scores."""
        if self.pseudo is not None:
            return f"{self.model} fine-tuned on {self.pseudo.source}"
        return self.model or "/".join(self.detectors)

    @property
    def sees_ranges(self) -> bool:
        """Whether it, or what it learns from, sees values that are rescaled with all pairs of a data set."""
        return self.rescaled or (self.pseudo is not None and self.pseudo.rescaled)

    def settings(self, base: Settings, seed: int) -> Settings:
        """The settings of a run of it."""
        return replace(
            base, detector=self.detectors[0] if self.detectors else None, model_name=self.model or base.model_name,
            threshold=self.threshold, correction=self.correction, normalisation=self.normalisation,
            apply_rescaling=self.sees_ranges, seed=seed, kinds="none", ensemble=self.ensemble,
            ensemble_bands=1.0, ensemble_detectors=self.detectors or None, options=base.options | self.options,
        )  # fmt: skip

    def pseudo_settings(self, base: Settings, seed: int) -> Settings:
        """Those of the pseudo-labels that it is fine-tuned on, and of the selection of them."""
        assert self.pseudo is not None
        return replace(self.pseudo.settings(base, seed), **self.selection)

    def command(
        self, base: Settings, *, pair: tuple[DataSet, PairFiles] | None = None, anywhere: bool = True
    ) -> str | None:
        """The command that makes its map of the two images, or of others; None of a model, which detect.py cannot use.

        It writes beside the comparison of two images.

        Args:
            base: settings of the run. Of two images it takes what the command line said, their labels with it.
            pair: the only one of a data set, which the command is to name; None for one of two images, or for others.
            anywhere: whether it shall work in every folder, as it is read in a file.
        """
        if self.model is not None:
            return None
        named = base.data_sets.get(IMAGES)
        labels = () if named is None or named.label_path is None else ("--labels", named.label_path)
        # Those of a configuration name its section, SECTION.KEY, and may be of anything.
        said = (override.partition("=") for override in base.overrides if "." not in override.partition("=")[0])
        keys = {key.strip(): value.strip() for key, _, value in said if labels or key.strip() not in OF_LABELS}
        several = ", ".join(self.detectors) if len(self.detectors) > 1 else ""
        keys |= {
            "detector": self.detectors[0], "threshold": self.threshold, "correction": self.correction,
            _NORMALISATION: self.normalisation, _RESCALING: str(self.rescaled), _ENSEMBLE: str(self.ensemble),
            "ensemble_detectors": several, "ensemble_bands": "1", "shift_tolerance": base.shift_tolerance,
        } | {name: str(value) for name, value in self.options.items()}  # fmt: skip
        usual = {
            "correction": UNSUPERVISED["correction"], _NORMALISATION: "none", _RESCALING: "False", _ENSEMBLE: "1",
            "ensemble_detectors": "", "ensemble_bands": "1", "shift_tolerance": "none",
        } | {option.name: str(option.default) for option in self._options}  # fmt: skip
        sets = tuple(f"{key}={value}" for key, value in keys.items() if value != usual.get(key))
        words: list[str | Path] = ["BEFORE", "AFTER"]
        if pair is not None and named is None:
            words, sets = [pair[1].before, pair[1].after], (*sets_of(pair[0]), *sets)
        if named is not None and named.img_a_path is not None and named.img_b_path is not None:
            folder = re.sub(r"[^-+.=,\w]+", "_", self.name)[:_LONGEST]
            words = [named.img_a_path, named.img_b_path, *labels, "--out", base.stat_path / f"{folder}_change"]
        return suggested("detect", *words, sets=sets, anywhere=anywhere)

    @property
    def _options(self) -> list[Option]:
        """The options of its members, of detectors."""
        families: list[tuple[Registry[Any], str]] = [(DETECTORS, name) for name in self.detectors]
        families += [
            (THRESHOLDS, self.threshold), (CORRECTIONS, self.correction), (NORMALISATIONS, self.normalisation)
        ]  # fmt: skip
        return [option for family, name in families for option in family.options(name)]

    def depends(self, base: Settings) -> dict[str, Any]:
        """All that its map depends on beside the pair and the seed, as JSON has it."""
        return {
            "detectors": self.detectors,
            "model": None if self.model is None else _digest(model_prefix(base, self.model)),
            "threshold": self.threshold,
            "correction": self.correction,
            "normalisation": self.normalisation,
            "shift_tolerance": base.shift_tolerance,
            "apply_rescaling": self.rescaled,
            "ensemble": self.ensemble,
            "pseudo": None if self.pseudo is None else self.pseudo.depends(base),
            "selection": self.selection,
            "learning": None if self.pseudo is None else asdict(base.learning),
            "options": {name: str(value) for name, value in sorted(self.options.items())},
        }

    def seen(self, base: Settings, place: str) -> str:
        """What it was told of change: no labels, or labels of which scene.

        Args:
            base: settings of the run.
            place: `hscd.scenes.fingerprint` of the pair, with its parts if it is judged by its test part.
        """
        if self.model is None:
            return NO_LABELS
        trained_on = models.trained_on(model_prefix(base, self.model))
        if not trained_on:
            return UNTOLD_LABELS
        if seen_in_training(place, trained_on) != NO:
            return THESE_LABELS
        return OTHER_PARTS if place in trained_on else OTHER_LABELS


def methods_of(texts: Sequence[str] | None, base: Settings) -> list[Method]:
    """The methods of texts; for None every detector with the threshold that goes with it.

    Raises:
        InputError: if a text names no method, or two are the same.
    """
    found = [_method(text, base) for text in (DETECTORS if texts is None else texts)]
    for number, method in enumerate(found):
        same = [other for other in found[:number] if replace(other, name=method.name, scores=method.scores) == method]
        if same:
            raise InputError(f"{method.name}: the same method as {same[0].name}; remove one of the two")
    return found


def model_prefix(base: Settings, name: str) -> Path:
    """Where the files of a model are, without their endings."""
    return base.model_path / name


def _method(text: str, base: Settings) -> Method:
    chain, *given = (part.strip() for part in text.split(":"))
    source, *rest = (part.strip() for part in chain.split("+"))
    names = tuple(name.strip() for name in source.split("/"))
    if len(rest) > 2 or not all(names) or len(set(names)) < len(names):
        raise InputError(f"method {text!r}: expected {_SYNTAX}")
    is_model = not any(name in DETECTORS for name in names)
    if is_model:
        _require_model(text, source, base)
    else:
        _require_known(text, [(DETECTORS, name) for name in names])
    threshold = rest[0] if rest else (OF_NETWORKS if is_model else natural_threshold(names[0]))
    correction = rest[1] if len(rest) > 1 else UNSUPERVISED["correction"]
    chosen: list[tuple[Registry[Any], str]] = [(THRESHOLDS, threshold), (CORRECTIONS, correction)]
    _require_known(text, chosen)
    later = {option.name for family, name in chosen for option in family.options(name)}
    values, more = dict(_given(text, given)), dict[str, Any]()
    if is_model:
        prefix = model_prefix(base, source)
        told = models.trained_rescaled(prefix)
        more["rescaled"] = base.apply_rescaling if told is None else told
        if _PSEUDO in values:
            more |= _tuning(text, values, chosen, prefix, base)
    else:
        more["normalisation"] = values.pop(_NORMALISATION, "none")
        more[_ENSEMBLE] = _setting(text, values, _ENSEMBLE, 1)
        chosen += [*((DETECTORS, name) for name in names), (NORMALISATIONS, more["normalisation"])]
        _require_known(text, chosen)
    if _RESCALING in values:
        more["rescaled"] = _setting(text, values, _RESCALING, False)
    shown = "+".join([source, threshold, *([correction] if len(rest) > 1 else [])])
    of_scores = [part for part in given if part.partition("=")[0].strip() not in later]
    keys = (_RESCALING, _PSEUDO) if is_model else (_NORMALISATION, _RESCALING, _ENSEMBLE)
    return Method(
        name=":".join([shown, *given]), scores=":".join([source, *of_scores]), detectors=() if is_model else names,
        model=source if is_model else None, threshold=threshold, correction=correction,
        options=_options(text, chosen, values, base, keys), **more,
    )  # fmt: skip


def _require_model(text: str, name: str, base: Settings) -> None:
    if "/" in name or not models.model_files(model_prefix(base, name))[0].is_file():
        raise InputError(
            f"method {text!r}: {name} is neither a detector nor a model in {base.model_path}"
            f"{nearest(name, DETECTORS)}; detectors: {', '.join(DETECTORS)}"
        )


def _require_known(text: str, chosen: Iterable[tuple[Registry[Any], str]]) -> None:
    for family, name in chosen:
        if name not in family:
            raise InputError(
                f"method {text!r}: {name} is not a {family.family}{nearest(name, family)}; known: {', '.join(family)}"
            )


def _tuning(
    text: str, values: dict[str, str], chosen: list[tuple[Registry[Any], str]], prefix: Path, base: Settings
) -> dict[str, Any]:
    """What a method has of a model that is fine-tuned; takes the keys of that, and adds the selection to the chosen."""
    source = values.pop(_PSEUDO)
    models.require_trainable(models.read_parameters(prefix))
    rescaling = values.pop(_PSEUDO_RESCALING, "False")
    selection = {name: _setting(text, values, name, default) for name, default in _TUNING.items()}
    if selection["fine_tuning"] == config.NO_FINE_TUNING:
        raise InputError(f"method {text!r}: fine_tuning: found {config.NO_FINE_TUNING}, which is none, and {_PSEUDO}")
    name = by_code(selection["fine_tuning"])
    if name == "agreement":
        raise InputError(f"method {text!r}: fine_tuning: by agreement is for main.py; expected 0, 1 or 2")
    if base.learning.ft_rounds > 1:
        raise InputError(
            f"method {text!r}: ft_rounds = {base.learning.ft_rounds}: a comparison fine-tunes in one round"
        )
    chosen.append((SELECTIONS, name))
    own = {option.name for family, name in chosen for option in family.options(name)} | {_RESCALING}
    of_source = [f"{name}={values.pop(name)}" for name in list(values) if name not in own]
    try:
        pseudo = _method(":".join([source, f"{_RESCALING}={rescaling}", *of_source]), base)
    except InputError as error:
        raise InputError(f"method {text!r}: {_PSEUDO}: {error}") from error
    if pseudo.model is not None:
        raise InputError(f"method {text!r}: {_PSEUDO}: {source} is a model; expected a detector")
    return {"pseudo": pseudo, "selection": selection}


def _setting(text: str, values: dict[str, str], name: str, default: Any) -> Any:
    """The value of a key of [settings] that a method may give, which is taken from those that are left."""
    option = fields_of(Settings)[name]
    return _parsed(text, name, values.pop(name), option.parse, option.allowed) if name in values else default


def _given(text: str, parts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"method {text!r}: found {part!r}; expected {_SYNTAX}")
        yield key.strip(), value.strip()


def _options(
    text: str, chosen: Sequence[tuple[Registry[Any], str]], given: dict[str, str], base: Settings, keys: Sequence[str]
) -> dict[str, Any]:
    """The options of the chosen members: those given, else those of the settings."""
    known = {option.name: option for family, name in chosen for option in family.options(name)}
    found = {name: base.options.get(name, option.default) for name, option in known.items()}
    for name, value in given.items():
        if name not in known:
            names = (*known, *keys)
            raise InputError(
                f"method {text!r}: it has no option {name}{nearest(name, names)}; known: {', '.join(names)}"
            )
        parsed = _parsed(text, name, value, known[name].parse, known[name].allowed)
        found[name] = base.file.resolve().parent / parsed if isinstance(parsed, Path) else parsed
    for name, value in found.items():
        if value is ...:
            raise InputError(f"method {text!r}: {name}: missing; expected {known[name].allowed}")
    return found


def _parsed(text: str, name: str, value: str, parse: Any, allowed: str) -> Any:
    try:
        return parse(value)
    except (ValueError, OverflowError):
        raise InputError(f"method {text!r}: {name}: found {value!r}; expected {allowed}") from None


def _digest(prefix: Path) -> str:
    """A text that tells the files of a model from those of others."""
    total = hashlib.blake2b(digest_size=8)
    for file in models.model_files(prefix):
        total.update(file.read_bytes())
    return total.hexdigest()
