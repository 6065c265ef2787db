"""The checked settings, and the key that fills each field."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import config
from hscd import branches, losses
from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS
from hscd.detectors.shifts import TOLERANCES
from hscd.heads import HEADS
from hscd.kinds import KINDS
from hscd.normalisation import NORMALISATIONS
from hscd.pretraining import NONE, PRETRAININGS
from hscd.search import engines
from hscd.selections import SELECTIONS
from hscd.system import naming, parsing
from hscd.system.errors import InputError
from hscd.system.hardware import BACKENDS
from hscd.thresholds import THRESHOLDS
from settings.comparison import CompareSettings
from settings.data_set import DataSet
from settings.declared import folder, key, member, members
from settings.explaining import ExplainSettings
from settings.learning import LearningSettings
from settings.presets import PRESETS
from settings.search import SearchSettings, search_missing

SETTINGS_SECTION = "settings"
SETTINGS_ALIAS = "setting"
_TRUE_FALSE = "True or False"
# Values of the key validation.
VALIDATIONS = ("random", "blocks")
BOXES = "boxes"
OBJECTS = ("none", BOXES)


# --- [settings] ------------------------------------------------------------------------------------------------------


def _data_set_name(name: str, says: str) -> dict[str, Any]:
    return key(name, parsing.filled, "the name of a data set's section", says=says)


def _fine_tuning(text: str) -> int:
    """No fine-tuning, or the code of a selection."""
    code = parsing.integer(text, config.NO_FINE_TUNING)
    if code not in (config.NO_FINE_TUNING, *(selection.code for selection in SELECTIONS.values())):
        raise ValueError
    return code


def _fine_tunings() -> str:
    selections = sorted((selection.code, selection.says) for selection in SELECTIONS.values())
    every = [f"{config.NO_FINE_TUNING} (none)", *(f"{code} ({says})" for code, says in selections)]
    return f"{', '.join(every[:-1])} or {every[-1]}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A checked configuration file.

    `options` are those of the members of families by key, `overrides` the texts of --set.
    """

    file: Path
    train_set: str = field(
        metadata=_data_set_name("train_set", "data set for training, pseudo-labels and the labelby scripts")
    )
    test_set: str = field(metadata=_data_set_name("test_set", "data set for testing"))
    distance: str = field(
        metadata=member(
            "distance",
            HEADS,
            ...,
            "distance that heads the network and makes pseudo-labels, Euclidean, the spectral angle or its cosine",
        )
    )
    model_name: str = field(
        metadata=key(
            "model_name", parsing.file_name, "a name that can be part of a file name, without / or \\",
            says="model to save or load",
        )
    )  # fmt: skip
    apply_rescaling: bool = field(
        metadata=key(
            "apply_rescaling", parsing.boolean, _TRUE_FALSE,
            says="min-max rescaling of each band to [0, 1] over all images of the data set",
        )
    )  # fmt: skip
    training: bool = field(
        metadata=key(
            "training",
            parsing.boolean,
            _TRUE_FALSE,
            says="whether to search for a model and train it, or to test a saved one",
        )
    )
    fine_tuning: int = field(
        metadata=key(
            "fine_tuning", _fine_tuning, _fine_tunings(),
            says="pseudo-labels that a model learns from before it is tested",
        )
    )  # fmt: skip
    pseudo_natural_ratio: bool = field(
        default=False,
        metadata=key(
            "pseudo_natural_ratio", parsing.boolean, _TRUE_FALSE, False,
            "True: of the class that a selection favours, so many are left out at random that the classes have the "
            "ratio of all pseudo-labels",
        ),
    )  # fmt: skip
    pseudo_limit: int | None = field(
        default=None,
        metadata=key(
            "pseudo_limit", lambda text: parsing.integer(text, 4), "an integer >= 4", None,
            "number of selected pseudo-labels that a model learns from, drawn at random at their ratio; by default all",
        ),
    )  # fmt: skip
    preset: str | None = field(
        default=None,
        metadata=key(
            "preset", parsing.one_of(PRESETS), " or ".join(PRESETS), None,
            "detector, threshold and correction in one word, where they are not given: for data without labels",
        ),
    )  # fmt: skip
    normalisation: str = field(
        default="none",
        metadata=member(
            "normalisation",
            NORMALISATIONS,
            "none",
            "the after image in the radiometry of the before image, for detectors; networks get it as it is",
        ),
    )
    detector: str | None = field(
        default=None, metadata=member("detector", DETECTORS, None, "source of pseudo-labels", "the distance")
    )
    shift_tolerance: str = field(
        default=TOLERANCES[0],
        metadata=key(
            "shift_tolerance", parsing.one_of(TOLERANCES), f"{', '.join(TOLERANCES[:-1])} or {TOLERANCES[-1]}",
            TOLERANCES[0],
            "for images that are misregistered: the score of a pixel is the least over shifts of the after image by up "
            "to a pixel, or the larger one of that and of the same of the before image",
        ),
    )  # fmt: skip
    ensemble: int = field(
        default=1,
        metadata=key(
            "ensemble", lambda text: parsing.integer(text, 1, 100), "an integer from 1 to 100", 1,
            "how often each detector is fitted, with a different seed each time; several maps are combined by majority "
            "vote, and the mean and spread of their probability of change tell how certain the result is",
        ),
    )  # fmt: skip
    ensemble_bands: float = field(
        default=1.0,
        metadata=key(
            "ensemble_bands", lambda text: parsing.number(text, 0, 1, high_included=True), "a number in ]0, 1]", 1.0,
            "share of the bands that the detectors of each seed of an ensemble see, drawn at random",
        ),
    )  # fmt: skip
    ensemble_detectors: tuple[str, ...] | None = field(
        default=None,
        metadata=members(
            "ensemble_detectors",
            DETECTORS,
            "detectors that make the maps of an ensemble, several separated by commas",
            "the detector",
        ),
    )
    threshold: str = field(
        default="otsu",
        metadata=member("threshold", THRESHOLDS, "otsu", "method that splits scores into changed and unchanged"),
    )
    correction: str = field(
        default="majority",
        metadata=member("correction", CORRECTIONS, "majority", "method that corrects labels by those around them"),
    )
    kinds: str = field(
        default="none",
        metadata=member(
            "kinds", KINDS, "none", "method that tells kinds of change apart, by the direction of the change vectors"
        ),
    )
    objects: str = field(
        default=OBJECTS[0],
        metadata=key(
            "objects", parsing.one_of(OBJECTS), " or ".join(OBJECTS), OBJECTS[0],
            "changed objects as boxes with a confidence, judged as objects where there are labels",
        ),
    )  # fmt: skip
    objects_overlap: float = field(
        default=0.5,
        metadata=key(
            "objects_overlap", partial(parsing.number, low=0, high=1, high_included=True), "a number in ]0, 1]", 0.5,
            "intersection over union above which a box gives way to a more confident one",
        ),
    )  # fmt: skip
    loss: str = field(
        default=losses.DEFAULT, metadata=member("loss", losses.LOSSES, losses.DEFAULT, "loss that a training minimises")
    )
    margin: float | None = field(
        default=None,
        metadata=key(
            "margin", lambda text: parsing.number(text, 0), "a number > 0", None,
            "distance that a loss pushes changed pairs to, of a model that a search trains",
            "1 for ED and COS, π/2 for SAM",
        ),
    )  # fmt: skip
    network: str = field(
        default=branches.DEFAULT,
        metadata=member("network", branches.BRANCHES, branches.DEFAULT, "network that both images pass through"),
    )
    pretraining: str = field(
        default=NONE,
        metadata=member(
            "pretraining",
            PRETRAININGS,
            NONE,
            "pre-training of the network without labels, to reconstruct the spectra of both images",
        ),
    )
    validation: str = field(
        default=VALIDATIONS[0],
        metadata=key(
            "validation", parsing.one_of(VALIDATIONS), " or ".join(VALIDATIONS), VALIDATIONS[0],
            "which pixels a search is validated on: a random fifth of each class, or a fifth in blocks (parts_block) "
            "with a guard band, as neighbours are alike",
        ),
    )  # fmt: skip
    seed: int = field(
        metadata=key(
            "seed", lambda text: parsing.integer(text, 0, 2**32 - 1), "an integer from 0 to 4294967295", config.SEED,
            "seed of every random choice (the same seed, data, machine, workers and OMP_NUM_THREADS give the same "
            "results)",
        )
    )  # fmt: skip
    backend: str = field(
        metadata=key(
            "backend", parsing.one_of(BACKENDS), " or ".join(BACKENDS), BACKENDS[0],
            "what Keras runs on (jax needs pip install -r requirements-jax.txt)",
        )
    )  # fmt: skip
    engine: str = field(
        default=engines.DEFAULT,
        metadata=member(
            "engine", engines.ENGINES, engines.DEFAULT,
            "what runs the trials of a search and the parts of a comparison (local: this machine; ray: a cluster, also "
            "for the pairs of a test and of pseudo-labels, with pip install -r requirements-scale.txt)",
        ),
    )  # fmt: skip
    workers: int | None = field(
        metadata=key(
            "workers", lambda text: parsing.integer(text, 1), "an integer >= 1", None,
            "processes that run the trials of a search, the parts of a comparison, or pairs on a cluster",
            "as many as make it faster on this machine",
        )
    )  # fmt: skip
    memory_limit: int | None = field(
        metadata=key(
            "memory_limit", lambda text: parsing.integer(text, 1), "an integer >= 1, in MiB", None,
            "memory that images and maps may take (larger images are read window by window, or refused where they "
            "cannot be)", "what is available",
        )
    )  # fmt: skip
    min_area: float = field(
        metadata=key(
            "min_area", parsing.not_negative, "a number >= 0", 0.0,
            "least area of a polygon of what changed, in m², or in pixels where there is no coordinate system",
        )
    )  # fmt: skip
    report: bool = field(
        default=True,
        metadata=key(
            "report", parsing.boolean, _TRUE_FALSE, True,
            "whether a run adds a page to report.html in the folder of its results, with maps to look at",
        ),
    )  # fmt: skip
    model_path: Path = field(
        metadata=folder(
            "model_path", "MODEL_PATH", "where models are saved, relative to this file and not among images"
        )
    )
    stat_path: Path = field(
        metadata=folder(
            "stat_path",
            "STAT_PATH",
            "where reports, maps and, under logs, TensorBoard's records are written, as model_path",
        )
    )
    options: dict[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = field(default=(), compare=False)
    learning: LearningSettings = field(default_factory=LearningSettings)
    data_sets: dict[str, DataSet]
    searches: dict[str, SearchSettings]
    compare: CompareSettings = field(default_factory=CompareSettings)
    explain: ExplainSettings = field(default_factory=ExplainSettings)

    def __getitem__(self, name: str) -> DataSet:
        """The data set of a name; `InputError` if there is none."""
        try:
            return self.data_sets[name]
        except KeyError:
            raise InputError(f"{self.file.name}: no section [{name}]; data sets: {', '.join(self.data_sets)}") from None

    @property
    def reach(self) -> int:
        """How many pixels around its own a network may see that is searched for."""
        branch = branches.BRANCHES[self.network]
        return branch.farthest(self.search(self.distance).options) if branch.sees_neighbours else 0

    @property
    def detector_name(self) -> str:
        """The detector that makes pseudo-labels: unless one is given, the distance."""
        return self.detector or self.distance

    @property
    def members(self) -> list[tuple[str, int]]:
        """The members of an ensemble: a detector and the number of its seed each; one where there is no ensemble."""
        names = self.ensemble_detectors or (self.detector_name,)
        return [(name, number) for name in names for number in range(self.ensemble)]

    @property
    def results(self) -> list[tuple[str, Path]]:
        """The folders of results, each after the key that names it."""
        return results_of(SETTINGS_SECTION, vars(self), self.data_sets)

    def search(self, distance: str) -> SearchSettings:
        """The search for a network of a distance; `InputError` if the file has none."""
        try:
            return self.searches[distance]
        except KeyError:
            raise InputError(f"{self.file}: {search_missing(distance, self.searches)}") from None


def results_of(section: str, general: dict[str, Any], data_sets: dict[str, DataSet]) -> list[tuple[str, Path]]:
    """The folders of results, each after the key that names it."""
    results = [(naming.place(section, key), general[key]) for key in ("model_path", "stat_path")]
    of_data = [(naming.place(name, "pseudoPath"), data_set.pseudo_path) for name, data_set in data_sets.items()]
    return results + [(key, folder) for key, folder in of_data if folder is not None]
