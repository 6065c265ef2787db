"""How well shifts between two images are told, and what each remedy does to the maps of images that are shifted.

`python benchmarks registration` writes res/registration.md (ten minutes). To look at some detectors, which writes
nothing:

    python benchmarks/registration.py --detectors cva
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import measure
import scenes
from hscd.demo import PLACES, make_scene, read_spectra
from hscd.detection import natural_threshold
from hscd.detectors import DETECTORS, Detector, Scorer, scored
from hscd.detectors.shifts import BOTH_WAYS, NONE, ONE_WAY, tolerant
from hscd.evaluation.confusion import changed_share, confusion
from hscd.evaluation.curves import curves
from hscd.labels import UNKNOWN
from hscd.scenes import registration
from hscd.scenes.scene import Scene, Window
from hscd.scores import ScoreMap, classify
from hscd.thresholds import THRESHOLDS

# Rows down, and as many columns to the left.
SHIFTS = (0.0, 0.3, 0.5, 1.0, 2.0)
DETECTORS_SHOWN = ("context_regression", "cva")
# Real scenes, and the side of the part of them that is mapped.
REAL, PART = ("taizhou", "bercy", "nantes", "pisa"), 256
# By name: whether the after image is registered first, and what tolerance the detector has.
REMEDIES = {
    "none": (False, NONE), "one_way": (False, ONE_WAY), "both_ways": (False, BOTH_WAYS), "register": (True, NONE),
    "register, both_ways": (True, BOTH_WAYS),
}  # fmt: skip
# Pixels below which `register` leaves an image as it is, as image_pairs has it.
LEAST = 0.1
RESULTS = measure.FOLDER.parent / "res" / "registration.md"
Row = dict[str, Any]


def shifted_demo(place: str, shift: float) -> Scene:
    spectra, moved = read_spectra(), replace(PLACES[place], shift=(shift, -shift))
    before, after, labels = make_scene(moved, spectra, seed=0)
    return scenes.scene(place, before, after, scenes._labels(labels, 1, 2))


class _Fitted:
    """A detector that is fitted to a scene already, as that is what takes long."""

    def __init__(self, detector: Detector, scene: Scene) -> None:
        self._scorer = detector.fit(scene, np.random.default_rng(0))
        self.name, self.unit, self.halo = detector.name, detector.unit, detector.halo
        self.scale, self.degrees = detector.scale, detector.degrees

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        return self._scorer


def twice(pixels: Callable[[], np.ndarray], share: float, shift: float, name: str) -> Scene:
    return scenes.twice(name, pixels, share, (shift, -shift), 0)


def makers() -> dict[str, Callable[[float], Scene]]:
    """What makes each scene of a known shift; those in which nothing changed have `unchanged` in their name."""
    found = {place: partial(shifted_demo, place) for place in ("demo_a",)}
    known = scenes.available()
    if "enmap" in known:
        found["enmap"] = lambda shift: twice(scenes.enmap_tiles, scenes.CHANGED_SHARE, shift, "enmap")
        found["enmap_unchanged"] = lambda shift: twice(scenes.enmap_tiles, 0, shift, "enmap_unchanged")
    if "rennes" in known:
        found["rennes_unchanged"] = lambda shift: twice(_part, 0, shift, "rennes_unchanged")
    return found


def _part() -> np.ndarray:
    return scenes._rennes()[:160, :160]


def real() -> list[Scene]:
    return [make(0) for name, make in scenes.available().items() if name in REAL]


def middle(scene: Scene) -> Scene:
    """A part of a scene that is soon scored."""
    rows, columns = (slice(max(0, (of - PART) // 2), min(of, (of + PART) // 2)) for of in scene.truth.shape)
    return scene.crop(Window(rows, columns))


def estimates(name: str, scene: Scene, shift: float) -> Row:
    """What is found of a known shift, by correlation with and without normalisation by phase."""
    by_phase, plain = registration._shift, registration.registration(scene)

    def phase(before: np.ndarray, after: np.ndarray, **_: Any) -> Any:
        return by_phase(before, after, normalization="phase")[0], 1.0

    registration._shift = phase
    try:
        other = registration.registration(scene)
    finally:
        registration._shift = by_phase
    far = {}
    for kind, found in (("error", plain), ("error by phase correlation", other)):
        far[kind] = float("nan") if found is None else max(abs(found.down - shift), abs(found.right + shift))
    told = plain is not None
    return {"scene": name, "shift": shift, **far, "spread": plain.spread if told else float("nan"),
            "blocks": plain.blocks if told else 0}  # fmt: skip


def onto(scene: Scene) -> Scene:
    """The scene with its after image registered, as `register = True` does."""
    found = registration.registration(scene)
    if found is None or found.far < LEAST:
        return scene
    after = registration.registered(scene.after, found)
    valid = np.isfinite(after.read()).all(axis=2)
    if scene.valid is not None:
        valid &= scene.valid
    return replace(scene, after=after, valid=valid, truth=np.where(valid, scene.truth, np.uint8(UNKNOWN)))


def maps(scene: Scene, moved: Scene, detectors: Sequence[str]) -> Iterator[Row]:
    """How right the maps of a scene, or of it registered, are with each remedy."""
    for name in detectors:
        threshold = THRESHOLDS[natural_threshold(name)]
        fits = [_Fitted(DETECTORS[name](), scene)]
        same = moved.valid is scene.valid
        fits.append(fits[0] if same else _Fitted(DETECTORS[name](), moved))
        found: dict[tuple[bool, str], ScoreMap] = {}
        for remedy, (register, tolerance) in REMEDIES.items():
            given = moved if register else scene
            key = register and not same, tolerance
            if key not in found:
                found[key] = scored(tolerant(fits[register], tolerance), given, np.random.default_rng(0))
            score_map = found[key]
            labels = classify(score_map.scores, threshold(score_map.scores, **score_map.for_threshold).value)
            ranking = curves(score_map.scores, given.truth)
            yield {
                "detector": name, "remedy": remedy,
                "kappa": confusion(labels, given.truth).kappa,
                "average precision": float("nan") if ranking is None else ranking.average_precision,
                "flagged": changed_share(labels), "seconds": score_map.seconds,
            }  # fmt: skip


def table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row[column]) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.3f}"


def pivoted(rows: Sequence[Row], value: str) -> str:
    """A row for each scene, detector and shift, a column for each remedy."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        found.setdefault((row["scene"], row["detector"], row["shift"]), {})[row["remedy"]] = row[value]
    named = [
        dict(zip(("scene", "detector", "shift"), key, strict=True)) | values for key, values in sorted(found.items())
    ]
    return table(("scene", "detector", "shift", *REMEDIES), named)


def means(rows: Sequence[Row], value: str) -> str:
    """Means over scenes, by detector and shift."""
    groups: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        groups.setdefault((row["detector"], row["shift"], row["remedy"]), []).append(row[value])
    meant = [
        {"scene": "mean", "detector": detector, "shift": shift, "remedy": remedy, value: float(np.mean(values))}
        for (detector, shift, remedy), values in groups.items()
    ]
    return pivoted(meant, value)


def measured(detectors: Sequence[str]) -> tuple[list[Row], list[Row], list[Row]]:
    """Estimates; maps of scenes of known shifts; those of real scenes."""
    told, known = [], []
    for name, make in makers().items():
        for shift in SHIFTS:
            scene = make(shift)
            told.append(estimates(name, scene, shift))
            known += [{"scene": name, "shift": shift, **row} for row in maps(scene, onto(scene), detectors)]
            for row in (told[-1], *known[-len(REMEDIES) * len(detectors) :]):
                print(row, file=sys.stderr, flush=True)
    of_real = []
    for scene in real():
        found = registration.registration(scene)
        shift = "" if found is None else f"{found.down:+.2f}, {found.right:+.2f}"
        of_real += [
            {"scene": scene.name, "shift": shift, **row} for row in maps(middle(scene), middle(onto(scene)), detectors)
        ]
        for row in of_real[-len(REMEDIES) * len(detectors) :]:
            print(row, file=sys.stderr, flush=True)
    return told, known, of_real


def report(told: Sequence[Row], known: Sequence[Row], of_real: Sequence[Row]) -> str:
    null = [row for row in known if "unchanged" in row["scene"]]
    changing = [row for row in known if row not in null]
    seconds = {
        remedy: float(np.mean([row["seconds"] for row in of_real if row["remedy"] == remedy])) for remedy in REMEDIES
    }
    return (
        "# Misregistered images\n\nMade by `python benchmarks registration`, no labels used but to judge. The after "
        "image lies so many rows lower and as many columns further left as *shift* says. *one_way* and *both_ways* "
        "are values of `shift_tolerance`, *register* is `register = True`. Each detector has its own threshold.\n\n"
        "## How well the shift is told\n\nThe larger error of rows and columns, in pixels; *spread* is "
        "between blocks.\n\n"
        f"{table(tuple(told[0]), told)}\n"
        "## kappa of maps, means over the scenes with changes\n\n"
        f"{means(changing, 'kappa')}\n## Average precision, means over the same\n\n"
        f"{means(changing, 'average precision')}"
        f"\n## Share that is flagged where nothing changed\n\n{pivoted(null, 'flagged')}\n"
        "## kappa on real scenes, as they are\n\n*shift* is what is found in all of the scene, rows down and columns "
        "to the right; maps are of its middle.\n\n"
        f"{pivoted(of_real, 'kappa')}\nMean seconds of scoring: "
        + ", ".join(f"{remedy} {value:.1f}" for remedy, value in seconds.items())
        + f".\n\n## kappa of each scene of a known shift\n\n{pivoted(changing, 'kappa')}"
    )


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", default=",".join(DETECTORS_SHOWN))
    text = report(*measured(parser.parse_args(arguments).detectors.split(",")))
    print(text)
    if not arguments:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
