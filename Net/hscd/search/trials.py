"""What the trials of a search share: the translated template, the data, and what each trial is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hscd.branches import BRANCHES, DEFAULT, Branch, branch_of
from hscd.heads import by_function
from hscd.learn import pretraining, training
from hscd.learn.embedding_log import EmbeddingLog
from hscd.learn.regime import OPTIMIZERS
from hscd.models.saved import assign_weights, named_weights, trained_on
from hscd.models.schema import COMMON
from hscd.networks.siamese import begin_with
from hscd.scenes.patches import Patches, SharedPatches
from hscd.search.record import digest
from hscd.search.runners import Objective, Progress
from hscd.search.template import objective_and_space
from hscd.system import hardware
from hscd.system.arrays import SharedArray
from hscd.system.backend import keras, tensorboard

# When a search runs in worker processes. A rough account of a trial on one core: building and compiling, and some
# twenty-five epochs; two workers save about a third of it and take four seconds to start (benchmarks/search.py).
_SECONDS_A_TRIAL = 1.5
_PAIRS_A_SECOND = 2000
_WORTH_WORKERS = 12.0
# Each has TensorFlow in its memory, some 600 MB.
_MOST_WORKERS = 8
# Choices that came later, and what counted before: then they are not asked for, and what an interrupted search recorded
# before still counts.
_NEW: dict[str, Any] = {
    "batch_normalisation": False, "optimizer": OPTIMIZERS[:1], "schedule": ("constant",), "patch_bands": [0],
}  # fmt: skip
# Those of them that are names, of which a search takes one.
_NAMES = ("optimizer", "schedule")


@dataclass(frozen=True)
class Start:
    """What the networks of a search start from, before they learn from labels.

    Attributes:
        saved: common prefix of the files of a saved model of the same layers; None for random weights.
        unlabelled: (pixels, 2, bands) float32 pixel pairs, for the pre-training that their parameters name.
    """

    saved: Path | None = None
    unlabelled: np.ndarray | None = None

    @property
    def seen(self) -> list[str]:
        """Fingerprints of the pairs that the saved model was trained on, which what starts from it has seen, too."""
        return [] if self.saved is None else sorted(trained_on(self.saved))


AT_RANDOM = Start()


class Handover:
    """What a template finds under the name `search`: the options of the search and the seed as attributes, and more.

    Attributes:
        trial_id: number of the trial that runs.
        further: the model's parameters that the template does not name.
        unlabelled: (pixels, 2, bands) pixel pairs of a pre-training; None where there is none.
        followed: pixel pairs and labels of which some have their embeddings recorded; None for no such records.
    """

    seed: int
    rules: training.Rules
    margin: float
    batch_size: list[int]

    def __init__(self, trials: Trials, on_epoch: Progress) -> None:
        # An option of another branch is None.
        options = {option.name: None for option in BRANCHES.all_options()} | dict(trials.choices)
        self.__dict__.update(options, seed=trials.seed, rules=trials.rules, margin=trials.margin)
        self.trial_id = 0
        self.further: dict[str, Any] = {}
        self.unlabelled: np.ndarray | None = None
        self.followed: tuple[np.ndarray, np.ndarray] | None = None
        self._log_folder, self._held_out, self._start = trials.log_folder, trials.held_out, trials.start
        self._initial = trials.branch.initial(trials.choices)
        self._on_epoch = on_epoch

    def split(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the pairs to train with and of those to validate on, of (pairs,) labels."""
        if self._held_out is None:
            return training.stratified_split(labels, self.seed, self.rules.validation_share)
        return np.flatnonzero(~self._held_out), np.flatnonzero(self._held_out)

    def pretrain(
        self, model: keras.Model, parameters: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
        """Start a network from what its branch begins with, a saved one, and the pre-training, those that there are.

        Returns:
            What the trial reports of the pre-training, and the weights that it left by name, None without one.

        Raises:
            ValueError: if the weights of the saved network are not of its shapes.
        """
        begin_with(model, self._initial)
        if self._start is not None:
            assign_weights(model, self._start)
        records = [] if self.unlabelled is None else [tensorboard(self._trial_folder / "pretraining")]
        told = pretraining.start(model, parameters, self.unlabelled, seed=self.seed, callbacks=records)
        return told, named_weights(model) if told else None

    @property
    def _trial_folder(self) -> Path:
        return self._log_folder / f"trial_{self.trial_id}"

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """The Keras callbacks of a trial's training."""
        told = training.TellEpochs(lambda epoch, logs: self._on_epoch(self.trial_id, epoch, logs["val_loss"]))
        folder = self._trial_folder
        logs = [] if self.followed is None else [EmbeddingLog(folder / "train", *self.followed, self.seed)]
        return [tensorboard(folder), told, *logs]


@dataclass(frozen=True)
class Trials:
    """What all trials of a search share; in a worker process it becomes the objective.

    Attributes:
        template: Hyperas template of a trial.
        data: the arrays that are its arguments, by name, or `Patches`, or what of either is shared; "train_set" is
            among them, and "unlabelled" where there is a pre-training.
        score_function: distance that heads the network.
        choices: values of the options of the search, by name.
        seed: of the split and the training.
        log_folder: of TensorBoard's records.
        rules: of every training.
        margin: distance beyond which a changed pair adds nothing to the loss.
        fixed: parameters of the model that are not searched for, beside those of the template: "network", "loss",
            "pretraining" and the options of the last two; none for the dense branch, the contrastive loss and none.
        held_out: (pixels,) boolean, those of the training set to validate on; None for a random part of each class.
        start: weights that every trial starts from, in the order in which its own are saved; None for random ones.
        log_embeddings: whether the records have the embeddings of some pairs after each epoch; not of patches.
    """

    template: Callable
    data: Mapping[str, Any]
    score_function: Callable[[Any, Any], Any]
    choices: Mapping[str, Any]
    seed: int
    log_folder: Path
    rules: training.Rules
    margin: float
    fixed: Mapping[str, Any] = field(default_factory=dict)
    held_out: np.ndarray | None = None
    start: Sequence[np.ndarray] | None = None
    log_embeddings: bool = False

    @property
    def branch(self) -> Branch:
        """The branch that is searched for."""
        return branch_of(self.fixed)

    @property
    def own(self) -> dict[str, Any]:
        """What the branch adds to the space of the template, and names to choose from that are not the default."""
        from hyperopt import hp

        found = self.branch.space(self.choices)
        for name in _NAMES:
            names = self.choices.get(name) or _NEW[name]
            if names != _NEW[name]:
                found[name] = hp.choice(name, list(names)) if len(names) > 1 else names[0]
        return found

    @property
    def pairs(self) -> int:
        """Number of pixel pairs to learn from."""
        return self.data["train_set"].shape[0]

    @property
    def bands(self) -> int:
        """Number of bands of a spectrum."""
        return self.data["train_set"].shape[-1]

    @property
    def depends_on(self) -> dict[str, Any]:
        """All that the result depends on, by name; plain values (`hscd.search.record`)."""
        own = {option.name for option in BRANCHES.options(self.fixed.get("network", DEFAULT))}
        others = {option.name for option in BRANCHES.all_options()} - own
        return {
            "data": digest(_arrays(self.data)),
            "distance": by_function(self.score_function).name,
            "seed": self.seed,
            "backend": keras.backend.backend(),
            **asdict(self.rules),
            **{
                name: value
                for name, value in self.choices.items()
                if name not in others and (name not in _NEW or value != _NEW[name])
            },
            # Asked only where it is set: what an interrupted search recorded before there was a key still counts.
            **({} if self.margin == by_function(self.score_function).margin else {"margin": self.margin}),
            **({"network or loss": dict(self.fixed)} if self.fixed else {}),
            **({} if self.held_out is None else {"held out": digest([self.held_out])}),
            **({} if self.start is None else {"start": digest(self.start)}),
            **{f"initial {layer}": digest(arrays) for layer, arrays in self.branch.initial(self.choices).items()},
        }

    def shared(self) -> Trials:
        """The same for worker processes; train and test set may be one array, which is shared once."""
        parts = {
            id(part): part.shared() if isinstance(part, Patches) else SharedArray(part) for part in self.data.values()
        }
        return replace(self, data={name: parts[id(part)] for name, part in self.data.items()})

    def __call__(self, on_epoch: Progress) -> Objective:
        search, objective, _ = self.translated(on_epoch)
        own = self.own

        def run_trial(trial_id: int, choice: dict[str, Any]) -> dict[str, Any]:
            search.trial_id = trial_id
            search.further = {**self.fixed, **{name: choice[name] for name in own}}
            return objective(choice)

        return run_trial

    def translated(self, on_epoch: Progress) -> tuple[Handover, Callable, dict[str, Any]]:
        """What the template is handed, and the objective and the space that are made of it."""
        search = Handover(self, on_epoch)
        shared = SharedArray | SharedPatches
        data: dict[str, Any] = {
            name: part.open() if isinstance(part, shared) else part for name, part in self.data.items()
        }
        search.unlabelled = data.pop("unlabelled", None)
        if self.log_embeddings:
            search.followed = data["train_set"], data["train_labels"]
        names = {"search": search, "score_function": self.score_function, **data}
        wanted = {parameter.name for parameter in (*self.branch.parameters, *COMMON)}
        objective, space = objective_and_space(self.template, names, wanted)
        own = self.own
        if space.keys() & own.keys():
            raise ValueError(f"template and branch both choose {', '.join(sorted(space.keys() & own.keys()))}")
        # All end up in one file, and an option of the loss would take the place of a parameter of its name.
        if wanted & self.fixed.keys():
            raise ValueError(f"{', '.join(sorted(wanted & self.fixed.keys()))}: fixed, and parameters of the network")
        return search, objective, {**space, **own}


def _arrays(data: Mapping[str, Any]) -> list[np.ndarray]:
    """All arrays that are among some data, each once."""
    found: list[np.ndarray] = []
    for part in {id(part): part for part in data.values()}.values():
        found += part.arrays if isinstance(part, Patches) else [part]
    return found


def worker_count(trials: int, pairs: int) -> int:
    """How many processes make a search fastest; one where a GPU does the work.

    A core of its own for each trial is worth more than all cores for one trial, but workers have to start first.
    """
    # Windows cannot map a file that is open elsewhere, which is how workers share the data.
    if os.name == "nt" or training.on_gpu() or trials * (_SECONDS_A_TRIAL + pairs / _PAIRS_A_SECOND) < _WORTH_WORKERS:
        return 1
    return min(hardware.threads(), trials, _MOST_WORKERS)
