"""Stage: from settings to the detector, threshold, selection and correction of a run."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import config
from hscd import branches, losses
from hscd.corrections import CORRECTIONS, Correct, corrector, is_guided
from hscd.detectors import DETECTORS, Detector, scored
from hscd.detectors.deep_features import DeepFeatures
from hscd.detectors.shifts import NONE as NONE_TOLERATED
from hscd.detectors.shifts import tolerant
from hscd.detectors.tools.samples import sampled_pairs
from hscd.evaluation import doubts, map_doubts, pair_doubts
from hscd.evaluation.ensemble import OTHER_THRESHOLD, seed_of
from hscd.evaluation.result import MapResult, mapped
from hscd.kinds import KINDS, KindMap, kinds_of
from hscd.kinds.classes import FILE as CLASSES
from hscd.learn.regime import Regime
from hscd.models import saved as models
from hscd.normalisation import NORMALISATIONS, normalised
from hscd.pretraining import NONE, PRETRAININGS
from hscd.records import PseudoLabels
from hscd.registry import Registry
from hscd.scenes.domain_shift import PIXELS, domain_shift, statistics
from hscd.scenes.registration import placed, registration
from hscd.scenes.scene import Scene
from hscd.scenes.title import title_of
from hscd.scores import Cut, ScoreMap
from hscd.search.engines import ENGINES
from hscd.selections import SELECTIONS, Selected, by_code, corrected_labels
from hscd.selections.thinning import thinned
from hscd.system import naming
from hscd.system.messages import detail, tell, warn
from hscd.thresholds import THRESHOLDS, NoDistributionError, cut_scores
from settings import Settings

if TYPE_CHECKING:
    from hscd.learn.transfer import Transfer

# Threshold of a network's distances where the configured one cannot be.
OF_NETWORKS = "otsu"
# How the names of figures of a shift between two images begin.
SHIFT = "shift_"


def classes_file(settings: Settings) -> Path:
    """File of the classes of change that were learned from labels: the configured one, or that of the model."""
    return settings.options[CLASSES.name] or settings.model_path / f"{settings.model_name}_classes.npz"


class Plan:
    """What the settings ask for, made of the registered families."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def members(self) -> list[tuple[str, int]]:
        """The detectors that make pseudo-labels, each with the number of its seed; one where there is no ensemble."""
        return self._settings.members

    def detector(self, name: str | None = None) -> Detector:
        """A detector with its options; without a name the configured one."""
        name = name or self._settings.detector_name
        return DETECTORS.plain(name)(**self._options(DETECTORS, name))

    def normalised(self, scene: Scene) -> Scene:
        """The scene as detectors get it: its after image in the radiometry of the before image, if so configured."""
        name = self._settings.normalisation
        rng = np.random.default_rng(self._settings.seed)
        return normalised(scene, name, rng, **self._options(NORMALISATIONS, name))

    def score(self, detector: Detector, scene: Scene, number: int = 0) -> ScoreMap:
        """Scores of a scene, from the seed or another one of this number that comes from it."""
        rng = np.random.default_rng(seed_of(self._settings.seed, number))
        score_map = scored(tolerant(detector, self._settings.shift_tolerance), scene, rng)
        detail(f"{scene.name}: scores by {detector.name} in {score_map.seconds:.2f} s")
        return score_map

    @property
    def tolerates_shifts(self) -> bool:
        """Whether the scores of a pixel depend on those around it, by `shift_tolerance`."""
        return self._settings.shift_tolerance != NONE_TOLERATED

    def channels(self, detector: Detector, scene: Scene) -> np.ndarray | None:
        """What a fitted detector that looks at channels sees, (channels, 2, rows, columns); None of another one."""
        return detector.channels(scene) if isinstance(detector, DeepFeatures) else None

    @property
    def all_bands(self) -> bool:
        """Whether each member of an ensemble sees all bands."""
        return self._settings.ensemble_bands == 1

    def seen_by(self, scene: Scene, number: int) -> Scene:
        """The scene with the bands that the members of an ensemble of one number see, at least two; all by default."""
        share, bands = self._settings.ensemble_bands, scene.bands
        if self.all_bands or bands < 2:
            return scene
        rng = np.random.default_rng([self._settings.seed, number, bands])
        return scene.with_bands(np.sort(rng.choice(bands, max(2, round(share * bands)), replace=False)))

    @property
    def model_name(self) -> str:
        """The name of the network, which is the source of the scores that it gives."""
        return self._settings.model_name

    def cut(self, score_map: ScoreMap, scene: Scene, where: str | None) -> Cut:
        """The threshold of scores; what makes it doubtful is told, of `where`, or not told for None."""
        name = self._settings.threshold
        threshold = partial(THRESHOLDS.plain(name), **self._options(THRESHOLDS, name), **score_map.for_threshold)
        try:
            cut = cut_scores(score_map.scores, threshold, scene.nothing_changed)
        except NoDistributionError:
            # It is meant for the pseudo-labels: the distances of a network have no known distribution.
            other = OF_NETWORKS if score_map.source == self.model_name else OTHER_THRESHOLD
            if other == OTHER_THRESHOLD and len(dict(self.members)) == 1:
                raise
            cut = cut_scores(score_map.scores, partial(THRESHOLDS[other], scale=score_map.scale), scene.nothing_changed)
        if where is None:
            return cut
        detail(f"{where}: threshold {cut.value:.6g}")
        for doubt in cut.warnings:
            warn(f"{where}: {doubt}")
        return cut

    def doubt(self, detector: Detector, score_map: ScoreMap, cut: Cut, scene: Scene, where: str) -> None:
        """Tell what makes a map doubtful, of `where`; labels have no part in it."""
        rng = np.random.default_rng(self._settings.seed)
        for doubt in map_doubts.of_scores(detector, score_map, cut, scene, rng):
            warn(f"{where}: {doubt}")

    def registration(self, scene: Scene, where: str, data_set: str | None = None) -> dict[str, Any]:
        """Tell how far the images of a scene are shifted against each other, of `where`; the figures of it.

        A doubt tells as well if they have little in common.

        Args:
            scene: the pair.
            where: what to call it.
            data_set: that it is of; None for `test_set`.
        """
        for doubt in pair_doubts.of_likeness(scene, np.random.default_rng(self._settings.seed)):
            warn(f"{where}: {doubt}")
        found = registration(scene)
        if found is None:
            return {}
        section = self._settings.data_sets.get(data_set or self._settings.test_set)
        registered = section is not None and section.register
        remedy = f"{naming.given('register', True)} has moved the after image already" if registered else ""
        verdict = pair_doubts.verdict_of_registration(found, registered)
        moved = scene.after.moved_by
        tell(f"{where}: the after image {placed(found, moved, verdict)}")
        for doubt in pair_doubts.of_registration(found, remedy):
            warn(f"{where}: {doubt}")
        figures: dict[str, Any] = {**found._asdict(), "verdict": verdict}
        if any(moved):
            figures |= {"moved_down": moved[0], "moved_right": moved[1]}
        return {f"{SHIFT}{name}": value for name, value in figures.items()}

    @property
    def other_scale(self) -> bool:
        """Whether the model gets its values on another scale than in its training; the warning of it has the remedy."""
        asked = self._settings.apply_rescaling
        return models.trained_rescaled(self._settings.model_path / self.model_name) not in (None, asked)

    def domain_shift(self, scene: Scene, where: str) -> float | None:
        """How far a scene is from the spectra that the model was trained on, if they are known; a doubt, of `where`."""
        trained_on = models.trained_spectra(self._settings.model_path / self.model_name)
        if trained_on is None:
            return None
        pairs = sampled_pairs(scene, np.random.default_rng(self._settings.seed), PIXELS)
        shift = domain_shift(trained_on, statistics(pairs))
        # On another scale than in its training, any place is far.
        for doubt in [] if self.other_scale else doubts.of_domain_shift(shift):
            warn(f"{where}, model {self.model_name}: {doubt}")
        return shift

    @property
    def guided(self) -> bool:
        """Whether the correction needs the scene."""
        return is_guided(self._settings.correction, self._settings.options)

    def correct(self, scene: Scene | None) -> Correct:
        """The correction of labels of a scene, which may be None where it is not `guided`."""
        name = self._settings.correction
        return corrector(name, config.CORRECTION_RADIUS, scene, **self._options(CORRECTIONS, name))

    def map(self, score_map: ScoreMap, cut: Cut, scene: Scene) -> MapResult:
        """The change map of a scene, corrected and judged."""
        return mapped(scene.name, score_map, cut, self.correct(scene), scene.truth, title_of(scene))

    def kinds(self, scene: Scene, result: MapResult) -> KindMap | None:
        """The kinds of change of a corrected map, of the spectra as the files have them; None if none are asked for."""
        name = self._settings.kinds
        rng = np.random.default_rng(self._settings.seed)
        options = self._options(KINDS, name)
        if CLASSES.name in options:
            options[CLASSES.name] = classes_file(self._settings)
        return kinds_of(replace(scene, ranges=None), result.corrected, name, rng, **options)

    @property
    def selection(self) -> str | None:
        """Name of the selection that a fine-tuning learns from; None for no fine-tuning."""
        code = self._settings.fine_tuning
        return None if code == config.NO_FINE_TUNING else by_code(code)

    def select(self, pseudo: PseudoLabels, scene: Scene) -> Selected:
        """Positions and labels of the pseudo-labels of a scene that `fine_tuning` asks for, no more than may be."""
        name = self.selection
        assert name is not None
        correct = self.correct(scene)
        selected = SELECTIONS[name].select(pseudo, correct, **self._options(SELECTIONS, name))
        limit = self._settings.pseudo_limit
        if not self._settings.pseudo_natural_ratio and limit is None:
            return selected
        like = corrected_labels(pseudo, correct) if self._settings.pseudo_natural_ratio else None
        return thinned(selected, np.random.default_rng(self._settings.seed), like=like, limit=limit)

    def too_few(self, found: str) -> str:
        """What to say where the selection leaves too few pseudo-labels to learn from, `found` of each class."""
        name = self.selection
        assert name is not None
        options = self._options(SELECTIONS, name).items()
        keys = "".join(f", {key} = {value}" for key, value in options if value is not None)
        return (
            f"fine_tuning = {SELECTIONS[name].code}{keys}: leaves {found} pseudo-labels, two pixels of each class "
            f"are needed; {SELECTIONS[name].remedy}"
        )

    @property
    def is_choice(self) -> bool:
        """Whether the selection chooses among the pseudo-labels."""
        name, settings = self.selection, self._settings
        thins = settings.pseudo_natural_ratio or settings.pseudo_limit is not None
        return name is not None and (SELECTIONS[name].is_choice or thins)

    @property
    def selection_label(self) -> str:
        """How file names call the fine-tuning."""
        name, limit = self.selection, self._settings.pseudo_limit
        if name is None:
            return "no fine tuning"
        label = SELECTIONS[name].label(**self._options(SELECTIONS, name))
        label += " natural" if self._settings.pseudo_natural_ratio else ""
        label += "" if limit is None else f" n={limit}"
        loss = self._settings.learning.ft_loss
        own = () if loss is None else losses.LOSSES.options(loss)
        given = [(option, self._settings.options[option.name]) for option in own]
        label += "".join(f" {option.name}={value}" for option, value in given if value != option.default)
        return label + self._settings.learning.label

    @property
    def fixed(self) -> dict[str, Any]:
        """Parameters of a model that a search does not choose, where they are others than the default ones.

        Network, loss and its options, pre-training and its options, and how its pairs were drawn and altered.
        """
        network, loss, first = self._settings.network, self._settings.loss, self._settings.pretraining
        chosen = ({"network": network} if network != branches.DEFAULT else {}) | self._options(losses.LOSSES, loss)
        chosen |= {} if first == NONE else {"pretraining": first} | self._options(PRETRAININGS, first)
        return chosen | ({"loss": loss} if loss != losses.DEFAULT else {}) | self._regime.chosen

    @property
    def _regime(self) -> Regime:
        """How a training draws and alters pairs."""
        learning = self._settings.learning
        names = [of.name for of in fields(Regime) if hasattr(learning, of.name)]
        return Regime(**{name: getattr(learning, name) for name in names})

    @property
    def transfer(self) -> Transfer:
        """How a model is fine-tuned."""
        from hscd.learn.transfer import Transfer  # and with it Keras

        asked, objective = self._settings.learning, {}
        if asked.ft_loss is not None:
            objective = {"loss": asked.ft_loss, **self._options(losses.LOSSES, asked.ft_loss)}
        if asked.ft_distance is not None:
            objective["score_function"] = asked.ft_distance
        rates = {"learning_rate": asked.ft_learning_rate, "release_learning_rate": asked.ft_release_learning_rate}
        regime = replace(self._regime, schedule=asked.ft_schedule)
        return Transfer(
            **rates, epochs=asked.ft_epochs, freeze=asked.ft_freeze, optimizer=asked.ft_optimizer, objective=objective,
            regime=regime, co_teaching=asked.ft_co_teaching,
        )  # fmt: skip

    @property
    def engine_options(self) -> dict[str, Any]:
        """Options of the engine that runs the trials of a search."""
        return self._options(ENGINES, self._settings.engine)

    def _options(self, family: Registry[Any], name: str) -> dict[str, Any]:
        return {option.name: self._settings.options[option.name] for option in family.options(name)}
