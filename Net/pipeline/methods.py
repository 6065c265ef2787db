"""Stage: the methods of a comparison, from their texts to the settings that they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hscd.corrections import CORRECTIONS
from hscd.detection import UNSUPERVISED, natural_threshold
from hscd.detectors import DETECTORS
from hscd.models import saved as models
from hscd.normalisation import NORMALISATIONS
from hscd.registry import Registry
from hscd.scenes.fingerprint import NO, seen_in_training
from hscd.system import parsing
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS
from pipeline.plan import OF_NETWORKS
from settings import Settings
from settings.reader import nearest

# What a method was told of change before it saw a pair.
NO_LABELS = "no labels"
OTHER_LABELS = "labels of another scene"
UNTOLD_LABELS = "labels, of which scene its file does not say"
OTHER_PARTS = "labels of other parts of this scene"
THESE_LABELS = "labels of this scene"

_SYNTAX = "DETECTOR[+THRESHOLD[+CORRECTION]][:KEY=VALUE …]"
_NORMALISATION, _RESCALING = "normalisation", "apply_rescaling"


@dataclass(frozen=True)
class Method:
    """A detector or a saved model, with all that it takes to make a map of its scores.

    `name` is how tables call it, `scores` how they call its scores, whatever the threshold; `detector` is None of a
    model, `model` of a detector. `options` are those of the chosen members, by key.
    """

    name: str
    scores: str
    detector: str | None
    model: str | None
    threshold: str
    correction: str
    normalisation: str = "none"
    rescaled: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What gives the scores."""
        return str(self.detector or self.model)

    def settings(self, base: Settings, seed: int) -> Settings:
        """The settings of a run of it."""
        return replace(
            base, detector=self.detector, model_name=self.model or base.model_name, threshold=self.threshold,
            correction=self.correction, normalisation=self.normalisation, apply_rescaling=self.rescaled, seed=seed,
            kinds="none", options=base.options | self.options,
        )  # fmt: skip

    def depends(self, base: Settings) -> dict[str, Any]:
        """All that its map depends on beside the pair and the seed, as JSON has it."""
        return {
            "detector": self.detector,
            "model": None if self.model is None else _digest(model_prefix(base, self.model)),
            "threshold": self.threshold,
            "correction": self.correction,
            "normalisation": self.normalisation,
            "apply_rescaling": self.rescaled,
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
            raise InputError(f"{method.name}: the same method as {same[0].name}; leave out one of the two")
    return found


def model_prefix(base: Settings, name: str) -> Path:
    """Where the files of a model are, without their endings."""
    return base.model_path / name


def _method(text: str, base: Settings) -> Method:
    chain, *given = (part.strip() for part in text.split(":"))
    source, *rest = (part.strip() for part in chain.split("+"))
    if len(rest) > 2 or not source:
        raise InputError(f"method {text!r}: expected {_SYNTAX}")
    prefix, is_model = model_prefix(base, source), source not in DETECTORS
    if is_model and not models.model_files(prefix)[0].is_file():
        raise InputError(
            f"method {text!r}: {source} is neither a detector nor a model in {base.model_path}"
            f"{nearest(source, DETECTORS)}; detectors: {', '.join(DETECTORS)}"
        )
    threshold = rest[0] if rest else (OF_NETWORKS if is_model else natural_threshold(source))
    correction = rest[1] if len(rest) > 1 else UNSUPERVISED["correction"]
    chosen: list[tuple[Registry[Any], str]] = [(THRESHOLDS, threshold), (CORRECTIONS, correction)]
    values, normalisation, rescaled = dict(_given(text, given)), "none", False
    if is_model:
        told = models.trained_rescaled(prefix)
        rescaled = base.apply_rescaling if told is None else told
    else:
        normalisation = values.pop(_NORMALISATION, normalisation)
        chosen += [(DETECTORS, source), (NORMALISATIONS, normalisation)]
    if _RESCALING in values:
        rescaled = _parsed(text, _RESCALING, values.pop(_RESCALING), parsing.boolean, "True or False")
    for family, name in chosen:
        if name not in family:
            raise InputError(
                f"method {text!r}: {name} is no {family.family}{nearest(name, family)}; known: {', '.join(family)}"
            )
    shown = "+".join([source, threshold, *([correction] if len(rest) > 1 else [])])
    later = {option.name for family, name in chosen[:2] for option in family.options(name)}
    of_scores = [part for part in given if part.partition("=")[0].strip() not in later]
    return Method(
        name=":".join([shown, *given]),
        scores=":".join([source, *of_scores]),
        detector=None if is_model else source,
        model=source if is_model else None,
        threshold=threshold,
        correction=correction,
        normalisation=normalisation,
        rescaled=rescaled,
        options=_options(text, chosen, values, base),
    )


def _given(text: str, parts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"method {text!r}: found {part!r}; expected {_SYNTAX}")
        yield key.strip(), value.strip()


def _options(
    text: str, chosen: Sequence[tuple[Registry[Any], str]], given: dict[str, str], base: Settings
) -> dict[str, Any]:
    """The options of the chosen members: those given, else those of the settings."""
    known = {option.name: option for family, name in chosen for option in family.options(name)}
    found = {name: base.options.get(name, option.default) for name, option in known.items()}
    for name, value in given.items():
        if name not in known:
            names = (*known, _NORMALISATION, _RESCALING)
            raise InputError(
                f"method {text!r}: it has no option {name}{nearest(name, names)}; known: {', '.join(names)}"
            )
        parsed = _parsed(text, name, value, known[name].parse, known[name].allowed)
        found[name] = base.file.resolve().parent / parsed if isinstance(parsed, Path) else parsed
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
