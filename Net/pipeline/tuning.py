"""Stage: a model fine-tuned on the pseudo-labels of a pair in rounds, what that changed, and a rival of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import dataprocessing as dp
from hscd.detectors.network import TrainedNetwork
from hscd.detectors.tools.samples import positions
from hscd.evaluation.confusion import confusion
from hscd.labels import CHANGED, UNCHANGED
from hscd.learn.rivals import Rival
from hscd.records import PseudoLabels
from hscd.reports import tables
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap, classify, pseudo_labels_of
from hscd.selections import Selected
from hscd.system.errors import InputError
from hscd.system.messages import result, tell, warn
from pipeline.plan import Plan
from settings import Settings
from settings.explaining import NONE

if TYPE_CHECKING:
    from hscd.system.backend import keras

# Pixels that both maps are compared on: their kappa is that of all pixels to two digits.
_PIXELS = 50_000

# What a table says of a fine-tuning; of several rounds, the epochs and seconds of all and else what the last one gave.
COLUMNS = (
    "pseudo_qty", "extraction_time", "ft_epochs", "ft_best_epoch", "ft_stopped", "ft_time", "ft_loss", "ft_val_loss",
    "ft_val_acc",
)  # fmt: skip
# What a training needs of each class.
_CLASSES, _FEWEST = {"changed": CHANGED, "unchanged": UNCHANGED}, 2
# Probability from which on a rival calls a pixel changed.
_LIKELY = 0.5


@dataclass(frozen=True)
class Rounds:
    """A model after its rounds of fine-tuning, and what is told of each; of none where it was not fine-tuned.

    `curve` has loss and validation loss of each epoch of the last training.
    """

    model: Any
    told: list[tables.Row] = field(default_factory=list)
    curve: Sequence[tuple[float, float]] = ()

    @property
    def row(self) -> tables.Row:
        """What a table says of them."""
        if not self.told:
            return dict.fromkeys(COLUMNS)
        return self.told[-1] | {name: sum(told[name] for told in self.told) for name in ("ft_epochs", "ft_time")}

    @property
    def more(self) -> tables.Row:
        """What a record says beside that: each round by itself, where there are several, and the curve."""
        curve = {name: list(of) for name, of in zip(("loss", "val_loss"), zip(*self.curve, strict=True), strict=False)}
        return ({"ft_rounds": self.told} if len(self.told) > 1 else {}) | ({"ft_curve": curve} if curve else {})


def fine_tuned(
    settings: Settings, plan: Plan, model: keras.Model, scene: Scene, pseudo: PseudoLabels, log_folder: Path
) -> Rounds:
    """Fine-tune a model on the pseudo-labels of a pair, then on those that the model itself gives, round by round.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        model: its weights are changed in place.
        scene: the pair.
        pseudo: its pseudo-labels.
        log_folder: of TensorBoard's records.

    Raises:
        InputError: if the selection leaves too few pseudo-labels of a class.

    References:
        Lee (2013), "Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks",
            ICML workshop on challenges in representation learning.
    """
    import siamese
    from hscd.networks.siamese import reach

    batch_size = int(siamese.read_parameters(settings.model_path / settings.model_name)["batch_size"])
    rounds = Rounds(model)
    for number in range(1, settings.learning.ft_rounds + 1):
        if rounds.told:
            tell(f"{scene.name}: round {number} of the fine-tuning")
        started = time.perf_counter()
        positions, labels = _selected(plan, rounds, scene, pseudo)
        extraction_time = time.perf_counter() - started if plan.is_choice else None
        found = {word: int(np.count_nonzero(labels == label)) for word, label in _CLASSES.items()}
        if not rounds.told and min(found.values()) < _FEWEST:
            raise InputError(plan.too_few(" and ".join(f"{count} {word}" for word, count in found.items())))
        if rounds.told and min(found.values()) < _FEWEST:
            warn(f"{scene.name}: the model after {number - 1} of {settings.learning.ft_rounds} rounds of fine-tuning "
                 "gives pseudo-labels of one class only; the rounds end there")  # fmt: skip
            break
        name = f"{datetime.now():%Y%m%d-%H%M%S}" + (f"-round-{number}" if rounds.told else "")
        tuned = siamese.fine_tune(
            rounds.model, batch_size, dp.pairs_to_learn(scene, positions, settings, reach(rounds.model)), labels,
            seed=settings.seed, log_folder=log_folder / name, log_embeddings=settings.explain.embedding != NONE,
            how=plan.transfer,
        )  # fmt: skip
        fit = tuned.fit
        values = (
            len(positions), extraction_time, tuned.epochs, fit.best_epoch, fit.reason, tuned.seconds, fit.loss,
            fit.val_loss, fit.val_accuracy,
        )  # fmt: skip
        rounds = Rounds(tuned.model, [*rounds.told, dict(zip(COLUMNS, values, strict=True))], fit.curve)
    return rounds


def _selected(plan: Plan, rounds: Rounds, scene: Scene, pseudo: PseudoLabels) -> Selected:
    """What to learn from: of the given pseudo-labels at first, of the model's own later; nothing where it has none."""
    if not rounds.told:
        return plan.select(pseudo, scene)
    score_map = plan.score(TrainedNetwork(plan.model_name, rounds.model), scene)
    try:
        cut = plan.cut(score_map, scene, None)
    except InputError:  # all distances are equal
        return np.empty(0, int), np.empty(0, np.uint8)
    return plan.select({**pseudo, **pseudo_labels_of(score_map, cut)}, scene)


def rival(settings: Settings, plan: Plan, scene: Scene, pseudo: PseudoLabels, name: str) -> tables.Row:
    """Tell what a plain classifier makes of the pseudo-labels that a network was fine-tuned on; figures for the record.

    Args:
        settings: the run's settings.
        plan: what they ask for.
        scene: the pair.
        pseudo: its pseudo-labels.
        name: what the pair goes by.
    """
    which = settings.learning.ft_rival
    assert which is not None
    positions, labels = plan.select(pseudo, scene)
    score_map = plan.score(Rival(which, dp.pairs_to_learn(scene, positions, settings), labels, settings.seed), scene)
    found = plan.map(score_map, Cut(_LIKELY), scene)
    result(f"{name}: rival {which} on the same pseudo-labels: {tables.summary(found.counts)}")
    figures = tables.metrics(found.counts) | tables.metrics(found.corrected_counts, "_correction")
    return {"rival": {"name": which, "seconds": score_map.seconds} | figures}


class Untuned:
    """The map that a network gives before it is fine-tuned, of a sample of the pixels of a pair.

    Args:
        plan: whose threshold cuts its distances, those of the sample by themselves.
        model: as it was saved.
        scene: the pair.
        seed: of the sample.
    """

    def __init__(self, plan: Plan, model: keras.Model, scene: Scene, seed: int) -> None:
        from hscd.learn.samples import Samples
        from hscd.learn.training import predict
        from hscd.networks.siamese import reach

        self._positions = positions(scene, np.random.default_rng(seed), _PIXELS)
        if plan.tolerates_shifts:  # so that a pixel's score depends on those around it
            scores = plan.score(TrainedNetwork(plan.model_name, model), scene).scores.ravel()[self._positions]
        else:
            samples = Samples([scene], [self._positions], reach=reach(model))
            scores = predict(model, samples.within(samples.room) if samples.reach else scene.take(self._positions))
        self._labels: np.ndarray | None = None
        try:
            cut = plan.cut(ScoreMap(scores, scene.grid, plan.model_name), scene, None)
        except InputError:  # it calls all pixels the same, so there is no map to compare with
            return
        self._labels = classify(scores, cut.value)

    def agreement(self, labels: np.ndarray) -> float | None:
        """Cohen's kappa between the map of before and that of after the fine-tuning.

        Args:
            labels: (rows, columns) of after, 0 changed, 1 unchanged, 2 masked.

        Returns:
            1 where both are the same, 0 where they agree by chance only; None where there was no map before, or both
            are of one and the same class.
        """
        if self._labels is None:
            return None
        kappa = confusion(labels.ravel()[self._positions], self._labels).agreement
        return None if np.isnan(kappa) else kappa

    def compared(self, labels: np.ndarray, truth: np.ndarray) -> tuple[float | None, tables.Row]:
        """The `agreement` and the `effect`."""
        return self.agreement(labels), self.effect(labels, truth)

    def effect(self, labels: np.ndarray, truth: np.ndarray) -> tables.Row:
        """What the record says of both maps against the labels, `ft_effect`; nothing where no pixel has one.

        Args:
            labels: as of `agreement`, before spatial correction.
            truth: (rows, columns) of known labels, 2 where there is none.
        """
        if self._labels is None:
            return {}
        known, after = truth.ravel()[self._positions], labels.ravel()[self._positions]
        before_counts, counts = confusion(self._labels, known), confusion(after, known)
        if not counts.total:
            return {}
        return {
            "ft_effect": {
                "pixels": counts.total, "before": tables.metrics(before_counts), "after": tables.metrics(counts),
            }
        }  # fmt: skip
