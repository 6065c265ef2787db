"""Script: search and train a model (`training = True`), or test a saved one (`training = False`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import config
import dataprocessing as dp
import predutils as pu
from commandline import run
from hscd import models, storage
from hscd.distances import DISTANCES, by_function
from hscd.errors import InputError
from hscd.evaluation import confusion
from hscd.hardware import available_memory
from hscd.inspection import named
from hscd.messages import warn
from hscd.paths import require_names
from hscd.records import PseudoLabels
from hscd.reports import gis, maps, tables
from hscd.scene import Scene, pair_bytes
from hscd.selection import classify, corrected_labels
from hscd.spatial import spatial_correction
from hscd.thresholds import otsu
from image_pairs import require_labels, require_room
from pair_finding import pair_files


def train(settings: config.Settings) -> None:
    """Search for a model on `train_set` and save it with the report of all trials."""
    prefix = settings.model_path / settings.model_name
    require_names([models.longest_file(prefix), settings.stat_path / f"{settings.model_name}_stats.csv"])
    with storage.exclusive(prefix):
        pass  # said now rather than after all that is slow
    for name in (settings.train_set, settings.test_set):
        pair_files(settings[name])
        require_labels(settings[name], settings)
    train_set, train_labels = dp.labelled_pixels(settings.train_set, settings)
    if settings.test_set == settings.train_set:
        test_set, test_labels = train_set, train_labels
    else:
        test_set, test_labels = dp.labelled_pixels(settings.test_set, settings)
    if train_set.shape[-1] != test_set.shape[-1]:
        raise InputError(
            f"train_set [{settings.train_set}] has {train_set.shape[-1]} bands, test_set [{settings.test_set}] has "
            f"{test_set.shape[-1]}; a model fits one number of bands"
        )

    import siamese
    from hscd.search.engine import best_trial

    trials = siamese.hyperparam_search(
        train_set,
        train_labels,
        test_set,
        test_labels,
        DISTANCES[settings.distance].function,
        settings.model_name,
        settings.searches[settings.distance],
        model_path=settings.model_path,
        stat_path=settings.stat_path,
        seed=settings.seed,
        workers=settings.workers,
        rescaled=settings.apply_rescaling,
    )
    best = best_trial(trials)
    print(
        f"{settings.model_name}: best trial {best.trial_id} of {len(trials)}, validation loss "
        f"{best.report['loss']:.5f}; on {settings.test_set}: {tables.summary(best.report['test'][0])} "
        "(thresholded on the labelled pixels alone; a test may differ)"
    )


def selection_name(settings: config.Settings) -> str:
    """How file names call the fine-tuning that was done."""
    return {
        config.NO_FINE_TUNING: "no fine tuning",
        config.ALL_PSEUDO_LABELS: "all",
        config.BY_PERCENTAGE: f"{settings.pseudo_percentage:.15g}",
        config.BY_NEIGHBORHOOD: f"r={settings.pseudo_radius}",
    }[settings.fine_tuning]


def test(settings: config.Settings) -> None:
    """Test a saved model on every pair of `test_set`, with or without fine-tuning."""
    section = settings[settings.test_set]
    for files in pair_files(section):
        prefix = _result_prefix(settings, files.name)
        require_names([_table(prefix), *_pictures(prefix), *gis.result_files(prefix)])
    # All that can be refused is, before the slow import of TensorFlow.
    prefix = settings.model_path / settings.model_name
    trained_distance = by_function(models.read_parameters(prefix)["score_function"]).name
    if trained_distance != settings.distance:
        warn(
            f"{settings.model_name}: trained with the distance {trained_distance}, which the test uses; "
            f"distance = {settings.distance} is not used"
        )
    if models.trained_rescaled(prefix) not in (None, settings.apply_rescaling):
        warn(
            f"{settings.model_name}: trained with apply_rescaling = {not settings.apply_rescaling}, tested with "
            f"{settings.apply_rescaling}"
        )
    scenes = dp.scenes(settings.test_set, settings, models.trained_bands(prefix))
    pseudo: dict[str, PseudoLabels] = {}
    if settings.fine_tuning != config.NO_FINE_TUNING:
        pseudo = {scene.name: pu.load_pseudo_labels(section, scene.name, scene.truth.shape) for scene in scenes}
    for scene in scenes:
        try:
            test_pair(settings, scene, pseudo.get(scene.name))
        except InputError as error:
            raise InputError(f"[{section.name}] {scene.name}, model {settings.model_name}: {error}") from error


def test_pair(settings: config.Settings, scene: Scene, pseudo: PseudoLabels | None) -> None:
    """Load the model afresh, fine-tune it if there are pseudo-labels, predict, correct, judge and report one pair.

    Args:
        settings: the run's settings.
        scene: the pair.
        pseudo: the pair's pseudo-labels; None for no fine-tuning.
    """
    import siamese

    name, truth = scene.name, scene.truth
    section = settings[settings.test_set]
    model_prefix = settings.model_path / settings.model_name
    model = siamese.load_model(model_prefix, seed=settings.seed)
    tuning: tables.Row = dict.fromkeys(
        ("pseudo_qty", "extraction_time", "ft_epochs", "ft_time", "ft_loss", "ft_val_loss", "ft_val_acc")
    )
    if pseudo is not None:
        batch_size = int(siamese.read_parameters(model_prefix)["batch_size"])
        print(f"{name}: fine-tuning on {pu.pseudo_file(section, name)}, threshold {pseudo['threshold']:.5g}")
        if scene.valid is not None:  # they may be older than `nodata` in the configuration
            pseudo = {**pseudo, "distances": np.where(scene.valid.ravel(), pseudo["distances"], np.nan)}
        started = time.perf_counter()
        positions, labels = pu.select(pseudo, settings)
        extraction_time = time.perf_counter() - started
        size = len(positions) * pair_bytes(scene.bands)
        require_room(f"{len(positions):,} pixel pairs to fine-tune on", size, available_memory())
        model, loss, val_loss, val_acc, epochs, ft_time = siamese.fine_tuning(
            model, batch_size, scene.take(positions), labels, seed=settings.seed
        )
        tuning = {
            "pseudo_qty": len(positions),
            "extraction_time": extraction_time,
            "ft_epochs": epochs,
            "ft_time": ft_time,
            "ft_loss": loss,
            "ft_val_loss": val_loss,
            "ft_val_acc": val_acc,
        }

    started = time.perf_counter()
    distances = predict_map(model, scene)
    prediction_time = time.perf_counter() - started
    threshold = otsu(distances)
    prediction = classify(distances, threshold)
    started = time.perf_counter()
    corrected = spatial_correction(prediction)
    correction_time = time.perf_counter() - started

    counts, corrected_counts = confusion(prediction, truth), confusion(corrected, truth)
    agreement: list[float | None] = [None, None]
    if pseudo is not None:
        reference = corrected_labels(pseudo)
        agreement = [confusion(labels, reference).overall_accuracy for labels in (prediction, corrected)]
    result = _result_prefix(settings, name)
    storage.write_csv(
        _table(result),
        [
            {"total_examples": counts.total, "threshold": threshold}
            | tables.metrics(counts)
            | {"prediction_time": prediction_time}
            | tables.metrics(corrected_counts, "_correction")
            | {"correction_time": correction_time}
            | tuning
            | {"pseudo_acc": agreement[0], "pseudo_acc_corrected": agreement[1]}
        ],
    )
    picture, corrected_picture, heat_map = _pictures(result)
    maps.write_classes(picture, maps.prediction_panels(prediction, truth))
    maps.write_classes(corrected_picture, maps.prediction_panels(corrected, truth))
    maps.write_heatmap(heat_map, distances, threshold, f"Distances of {name}")
    gis.write_results(
        result, distances, threshold, prediction, corrected, scene.grid, settings.min_area,
        {"MODEL": settings.model_name, "FINE_TUNING": selection_name(settings)},
    )  # fmt: skip
    pu.tell(f"{result.name} ({named(scene.before)})", (prediction, corrected), (counts, corrected_counts))


def _result_prefix(settings: config.Settings, pair_name: str) -> Path:
    """Folder and start of the names of the results of a pair."""
    return settings.stat_path / f"{settings.test_set}_{pair_name}_on_{settings.model_name}_{selection_name(settings)}"


def _table(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.csv")


def _pictures(prefix: Path) -> list[Path]:
    return [prefix.with_name(prefix.name + ending) for ending in (".png", "_corrected.png", "_heatmap.png")]


def predict_map(model: Any, scene: Scene) -> np.ndarray:
    """Distances of a scene by a model, (rows, columns) float32; NaN at masked pixels."""
    import siamese

    def measure(pairs: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
        if valid is None:
            return siamese.predict(model, pairs)
        distances = np.full(len(pairs), np.nan, dtype=np.float32)
        if len(valid):
            distances[valid] = siamese.predict(model, pairs, valid)
        return distances

    return scene.map(measure, "prediction")


def dispatch(settings: config.Settings) -> None:
    """Train or test, as the settings say."""
    (train if settings.training else test)(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Search and train a model, or test a saved one, as net.conf says.", dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
