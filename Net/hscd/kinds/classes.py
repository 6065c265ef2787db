"""Classes of change that labels taught: a softmax on change vectors, saved in a file and applied to another pair."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hscd.detectors.tools.samples import sampled_pairs
from hscd.kinds import KINDS, NO_DATA, Told
from hscd.kinds.vectors import Changes, differences, sampled
from hscd.labels import CHANGED
from hscd.registry import Option
from hscd.scenes.scene import Scene
from hscd.system import naming, parsing, storage
from hscd.system.errors import InputError, brief
from hscd.system.paths import require_regular

FILE = Option(
    "kinds_classes", parsing.path, "a file that a training saved", None,
    "classes of change for kinds = classes", "MODEL_classes.npz of the model",
)  # fmt: skip
# Pixels of a class in each pair that it is learned from.
_PIXELS = 5000
_ROUNDS = 500


@dataclass(frozen=True)
class ClassHead:
    """Softmax on change vectors: `weights`, (classes, bands), and `bias`, (classes,), of the classes `names`."""

    names: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray

    def number(self, vectors: np.ndarray) -> np.ndarray:
        """The most probable class of (pixels, bands) change vectors, (pixels,) from 0."""
        return np.argmax(vectors @ self.weights.T + self.bias, axis=1)


@KINDS.register("classes", FILE)
def classes(changes: Changes, rng: np.random.Generator, kinds_classes: Path | None = None) -> Told:
    """The classes of change of another, labelled pair, each in its place, whether it occurs or not.

    A change vector is the difference of both dates, each band of which has mean 0 and standard deviation 1 over the
    unchanged pixels of its own pair: so what the light of a pair does to all its pixels does not count.

    Args:
        changes: a sample.
        rng: not used.
        kinds_classes: the file.

    Raises:
        InputError: if there is no such file, or it is of another number of bands.

    References:
        Malila (1980), "Change vector analysis: an approach for detecting forest changes with Landsat", LARS Symposia.
    """
    head = read_head(kinds_classes)
    bands = changes.pairs.shape[-1]
    if head.weights.shape[1] != bands:
        raise InputError(
            f"{kinds_classes}: classes of change in {head.weights.shape[1]} bands, the images have {bands}"
        )
    return Told(lambda pairs: head.number(differences(pairs, changes.scalings)), len(head.names), (), head.names)


def learned(scenes: Sequence[Scene], names: Mapping[int, str], rng: np.random.Generator) -> ClassHead | None:
    """Learn the classes of change of labelled pairs, by logistic regression in which each class weighs alike.

    Args:
        scenes: the pairs, with labels and classes.
        names: of the classes that may occur, by their number in `Scene.classes`.
        rng: draws the samples.

    Returns:
        None where fewer than two classes have labels.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    vectors, numbers = [], []
    for scene in (replace(scene, ranges=None) for scene in scenes):
        changes = sampled(scene, scene.truth, rng)
        if changes is None or scene.classes is None:
            continue
        for number in names:
            of_class = (scene.truth == CHANGED) & (scene.classes == number)
            if of_class.any():
                pairs = sampled_pairs(replace(scene, valid=of_class), rng, _PIXELS)
                vectors.append(differences(pairs, changes.scalings))
                numbers.append(np.full(len(pairs), number))
    if len({of[0] for of in numbers}) < 2:
        return None
    model = LogisticRegression(class_weight="balanced", max_iter=_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a ridge keeps it finite, and its last steps say little
        model.fit(np.concatenate(vectors), np.concatenate(numbers))
    weights, bias = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(weights) == 1:  # of two classes, that of the second alone
        weights, bias = np.stack([np.zeros_like(weights[0]), weights[0]]), np.array([0.0, bias[0]])
    return ClassHead(tuple(names[number] for number in model.classes_), weights, bias)


def write_head(path: Path, head: ClassHead) -> None:
    """Save learned classes of change."""
    with storage.atomic_file(path) as file:
        np.savez_compressed(file, names=np.array(head.names), weights=head.weights, bias=head.bias)


def read_head(path: Path | None) -> ClassHead:
    """Read learned classes of change.

    Raises:
        InputError: if there is no file, or it is damaged.
    """
    if path is None or not path.is_file():
        raise InputError(
            f"{naming.given('kinds', 'classes')}: {path or 'kinds_classes'}: no such file; kinds_classes names it; a "
            "training on labels of several classes (values of changedLabel) saves MODEL_classes.npz"
        )
    try:
        with require_regular(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names, weights, bias = (stored[name] for name in ("names", "weights", "bias"))
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises whatever its broken part leads to
        raise InputError(f"{path}: not readable as classes of change: {brief(error)}") from error
    sound = names.dtype.kind == "U" and weights.ndim == 2 and bias.shape == names.shape == weights.shape[:1]
    if not sound or not 0 < len(names) < NO_DATA or not (weights.dtype == bias.dtype == np.float64):
        raise InputError(f"{path}: not readable as classes of change: names, weights and bias do not fit together")
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise InputError(f"{path}: holds weights that are NaN or infinite")
    return ClassHead(tuple(names.tolist()), weights, bias)
