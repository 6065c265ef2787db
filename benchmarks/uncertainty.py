"""How right the probability of change is, of one map and of ensembles, no labels used to make it.

`python benchmarks uncertainty` writes res/uncertainty.md (half an hour). To look at some scenes, which writes nothing:

    python benchmarks/uncertainty.py --scenes taizhou,rennes
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import measure
import scenes
from hscd.corrections.spatial import spatial_correction
from hscd.detection import UNSUPERVISED
from hscd.detectors import Detector
from hscd.evaluation.calibration import calibrated
from hscd.evaluation.confusion import confusion
from hscd.evaluation.probability import probability_of_change
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scenes.scene import Scene
from hscd.scores import ScoreMap, classify
from pipeline.ensemble import ensembled
from pipeline.plan import Plan
from settings.two_images import settings_for

SEEDS = 5
OTHERS = ("irmad", "cva")
COLUMNS = ("scene", "members", "kappa", "kappa of p > .5", "calibration error", "Brier score", "promised", "kept",
           "spread", "uncertain", "errors in it")  # fmt: skip
RESULTS = measure.FOLDER.parent / "res" / "uncertainty.md"
Scores = dict[tuple[str, int], ScoreMap]


class _Remembering(Plan):
    """A plan that scores a scene once, whatever ensembles a detector and seed are members of."""

    def __init__(self, found: Scores, **keys: object) -> None:
        folder = Path("none")
        overrides = [f"{key}={value}" for key, value in keys.items()]
        super().__init__(settings_for(folder / "before", folder / "after", None, folder / "out", overrides))
        self._found = found

    def score(self, detector: Detector, scene: Scene, number: int = 0) -> ScoreMap:
        key = (detector.name, number)
        if key not in self._found:
            self._found[key] = super().score(detector, scene, number)
        return self._found[key]


def plans(found: Scores) -> dict[str, Plan]:
    """The ensembles that are compared, by name; the first is no ensemble."""
    own = UNSUPERVISED["detector"]
    names = ",".join((own, *OTHERS))
    return {
        "1": _Remembering(found),
        f"{SEEDS} seeds": _Remembering(found, ensemble=SEEDS),
        f"{SEEDS} seeds × {', '.join((own, *OTHERS))}": _Remembering(
            found, ensemble=SEEDS, ensemble_detectors=names
        ),
    }  # fmt: skip


def row(scene: Scene, members: str, plan: Plan) -> dict[str, Any]:
    """What the labels of a scene say of an ensemble."""
    found = ensembled(plan, scene, scene.name)
    sums, truth = found.sums, scene.truth
    labels = plan.map(found.score_map, found.cut, scene).corrected
    whole = calibrated(sums.probability, truth)
    called = calibrated(sums.probability, np.where(labels == CHANGED, truth, np.uint8(UNKNOWN)))
    wrong = (labels != truth) & (truth != UNKNOWN)
    by_probability = np.where(sums.probability > 0.5, CHANGED, UNCHANGED).astype(np.uint8)
    values = (
        scene.name, members, _kappa(labels, truth), _kappa(by_probability, truth), whole.error,
        whole.brier, called.mean_predicted if called else np.nan, called.mean_observed if called else np.nan,
        float(sums.spread.mean()), sums.uncertain.mean(), wrong[sums.uncertain].sum() / max(wrong.sum(), 1),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _kappa(labels: np.ndarray, truth: np.ndarray) -> float:
    """NaN where nothing changed."""
    return confusion(labels, truth).kappa if (truth == CHANGED).any() else float("nan")


# --- other probabilities ---------------------------------------------------------------------------------------------


def platt(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logistic regression of pseudo-labels on the root of the scores (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    root, changed = np.sqrt(np.maximum(scores, 0)).reshape(-1, 1), labels.ravel() == CHANGED
    if changed.all() or not changed.any():  # as where nothing changed, and nothing is marked
        return np.full(scores.shape, float(changed[0]))
    model = LogisticRegression(C=1e6).fit(root / root.std(), changed)
    return model.predict_proba(root / root.std())[:, 1].reshape(scores.shape)


def variants(plan: Plan, scene: Scene, found: Scores) -> dict[str, np.ndarray]:
    """Probabilities of change by other rules, from the first seed; the first one is that of the program."""

    def labels_of(name: str) -> tuple[np.ndarray, np.ndarray]:
        score_map = found[name, 0]
        return score_map.scores, classify(score_map.scores, plan.cut(score_map, scene, None).value)

    scores, labels = labels_of(UNSUPERVISED["detector"])
    votes = {radius: spatial_correction(labels, radius) for radius in (2, 3)}
    isotonic: Callable[[np.ndarray], np.ndarray] = lambda given: probability_of_change(scores, given)  # noqa: E731
    return {
        "isotonic, votes of 3 × 3": isotonic(votes[2]),
        "isotonic, no votes": isotonic(labels),
        "isotonic, votes of 5 × 5": isotonic(votes[3]),
        "Platt, votes of 3 × 3": platt(scores, votes[2]),
        "isotonic, no votes, on the labels of cva too": (isotonic(labels) + isotonic(labels_of("cva")[1])) / 2,
    }


def chosen_elsewhere(errors: Mapping[str, Mapping[str, float]]) -> tuple[list[str], float]:
    """Of errors by scene and variant: what is best on all other scenes, for each; and the mean error of that."""
    best = []
    for left_out in errors:
        rest = [errors[scene] for scene in errors if scene != left_out] or [errors[left_out]]
        best.append(min(rest[0], key=lambda name: np.mean([of_scene[name] for of_scene in rest])))
    return best, float(np.mean([errors[scene][name] for scene, name in zip(errors, best, strict=True)]))


# --- the report ------------------------------------------------------------------------------------------------------


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown; numbers with three digits, what is undefined left empty."""
    lines = [f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|"]
    for values in rows:
        cells = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in values.values())
        lines.append(f"| {' | '.join('' if cell == 'nan' else cell for cell in cells)} |")
    return "\n".join(lines) + "\n"


def means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over the scenes in which something changed, for each ensemble."""
    found = []
    for members in dict.fromkeys(row["members"] for row in rows):
        ours = [row for row in rows if row["members"] == members and np.isfinite(row["kappa"])]
        found.append({"members": members} | {name: float(np.mean([row[name] for row in ours])) for name in COLUMNS[2:]})
    return found


def of_variants(errors: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Of errors by kind, scene and variant: means, and what would be chosen without the scene that it is judged by."""
    names = list(next(iter(next(iter(errors.values())).values())))
    rows = [
        {"probability": name}
        | {f"{kind}, mean": f"{np.mean([of_scene[name] for of_scene in errors[kind].values()]):.4f}" for kind in errors}
        for name in names
    ]
    lines = [table(rows)]
    for kind in errors:
        best, error = chosen_elsewhere(errors[kind])
        counts = "; ".join(f"{name} ({best.count(name)} of {len(best)})" for name in dict.fromkeys(best))
        lines.append(f"- {kind}: best on all scenes but the one it is used on: {counts}; that gives {error:.4f}")
    return "\n".join(lines) + "\n"


def measured(names: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, dict[str, dict[str, float]]]]:
    """Rows of the ensembles, and the errors of other probabilities by kind, scene and variant."""
    rows, errors = [], {"calibration error": {}, "Brier score": {}}
    makers = scenes.available()
    for name in names:
        scene, found = makers[name](0), {}
        for members, plan in plans(found).items():
            rows.append(row(scene, members, plan))
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
        judged = {rule: calibrated(values, scene.truth) for rule, values in variants(plan, scene, found).items()}
        errors["calibration error"][name] = {rule: quality.error for rule, quality in judged.items()}
        errors["Brier score"][name] = {rule: quality.brier for rule, quality in judged.items()}
    return rows, errors


def report(rows: Sequence[dict[str, Any]], errors: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    own = f"{UNSUPERVISED['detector']} with the threshold {UNSUPERVISED['threshold']}, seed 0"
    return (
        f"# How right the probability of change is\n\nMade by `python benchmarks uncertainty`: {own}; labels only "
        "judge. *promised* is the mean probability of what is called changed, *kept* the share of it that is; "
        "*uncertain* is the share of the pixels with a probability between .1 and .9 or of which members disagree, "
        "*errors in it* the share of the wrong pixels that lie there. Maps are by majority; *kappa of p > .5* would be "
        "that of the mean probability. The scenes are those of `accuracy.md`.\n\n## Means over the scenes in which "
        "something changed\n\n"
        f"{table(means(rows))}\n## Each scene\n\n{table(rows)}\n## Other ways to a probability, of one map\n\n"
        f"{of_variants(errors)}"
    )


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", default=",".join(scenes.available()))
    text = report(*measured(parser.parse_args(arguments).scenes.split(",")))
    print(text)
    if not arguments:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
