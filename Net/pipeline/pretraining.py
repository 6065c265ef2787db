"""Stage: the spectra that a pre-training learns from, and the report of how well they are reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dataprocessing as dp
from hscd.detectors.tools.samples import positions
from hscd.pretraining import CODE_SIZE, CONVOLUTIONAL, DATA, NONE, PIXELS, doubt_of_code
from hscd.reports import reconstruction
from hscd.scenes.scene import Scene
from hscd.system.arrays import aligned_empty
from hscd.system.errors import InputError
from hscd.system.messages import result, warn
from pair_finding import pair_files
from settings import Settings


class Unlabelled(NamedTuple):
    """`pairs`, (pixels, 2, bands) float32, and the `wavelengths` of the bands in nm, None where they are not known."""

    pairs: np.ndarray | None = None
    wavelengths: np.ndarray | None = None


def sections(settings: Settings) -> tuple[str, ...]:
    """The data sets that a pre-training learns from; none where there is no pre-training."""
    if settings.pretraining == NONE:
        return ()
    return settings.options[DATA.name] or (settings.train_set,)


def require(settings: Settings) -> None:
    """Raise `InputError` where network or data of a pre-training cannot be, before anything slow."""
    for name in sections(settings):
        pair_files(settings[name])
    if sections(settings) and settings.reach:
        raise InputError(
            f"{settings.file}: pretraining = {settings.pretraining} reconstructs spectra, found network = "
            f"{settings.network}, which sees neighbours; expected pretraining = none, or another network"
        )
    if settings.pretraining == CONVOLUTIONAL and settings.network != "convolutional":
        raise InputError(
            f"{settings.file}: pretraining = {CONVOLUTIONAL} mirrors convolutions, found network = {settings.network}; "
            "expected network = convolutional"
        )


def unlabelled(settings: Settings, bands: int) -> Unlabelled:
    """Pixel pairs for a pre-training, drawn by the seed from all valid pixels, labelled or not.

    Each data set is rescaled by itself, as for a test; its pixels count by their number.

    Args:
        settings: the run's settings.
        bands: of the spectra that the network is trained on.

    Raises:
        InputError: if a data set cannot be read, or has another number of bands.
    """
    scenes: list[Scene] = []
    for name in sections(settings):
        found = dp.scenes(name, settings)
        if found[0].bands != bands:
            raise InputError(
                f"{settings.file}: {DATA.name}: [{name}] has {found[0].bands} bands, "
                f"train_set [{settings.train_set}] has {bands}"
            )
        scenes += found
    if not scenes:
        return Unlabelled()
    doubt = doubt_of_code(settings.options[CODE_SIZE.name], bands)
    if doubt:
        warn(f"pretraining = {settings.pretraining}: {doubt}")
    return Unlabelled(drawn(scenes, settings.options[PIXELS.name], settings.seed), scenes[0].before.wavelengths)


def drawn(scenes: list[Scene], pixels: int, seed: int) -> np.ndarray:
    """Pixel pairs of so many random valid pixels of scenes, of each by its number of them; all if there are fewer.

    Returns:
        (pixels, 2, bands) float32, scene by scene in row-major order.
    """
    rng = np.random.default_rng(seed)
    valid = [scene.truth.size if scene.valid is None else int(scene.valid.sum()) for scene in scenes]
    ends = np.round(np.cumsum(valid) * min(1.0, pixels / sum(valid))).astype(int)
    counts = np.diff(ends, prepend=0)
    pairs = aligned_empty((int(ends[-1]), 2, scenes[0].bands))
    for scene, end, count in zip(scenes, ends, counts, strict=True):
        if count:
            pairs[end - count : end] = scene.take(positions(scene, rng, int(count)))
    return pairs


def files(settings: Settings) -> list[Path]:
    """Table and picture of a pre-training; none where there is none."""
    prefix = f"{settings.model_name}_pretraining"
    return [settings.stat_path / f"{prefix}{end}" for end in (".csv", ".png")] if sections(settings) else []


def report(settings: Settings, told: Mapping[str, Any] | None, wavelengths: np.ndarray | None) -> dict[str, Any]:
    """Write what the pre-training of the best trial came to, and tell it; figures for the record of the run.

    Args:
        settings: the run's settings.
        told: "pretraining" of the trial's report; None where there was none.
        wavelengths: of the bands in nm; None where they are not known.
    """
    if told is None:
        return {}
    from hscd.system.backend import tensorboard_figure

    title = f"{settings.model_name}: {settings.pretraining}"
    table, picture = files(settings)
    reconstruction.write(table, picture, told, wavelengths, title)
    figure, dpi = reconstruction.figure_of(told, wavelengths, title)
    tensorboard_figure(settings.stat_path / "logs" / settings.model_name / "pretraining", "reconstruction", figure, dpi)
    error, deviation = (float(np.mean(np.square(told[name]))) for name in ("error", "deviation"))
    share = 1 - error / deviation if deviation else float("nan")
    result(
        f"{title}: {told['epochs']} epochs, {100 * share:.2f} % of the variance of pixels held out is reconstructed "
        f"({picture.name})"
    )
    return {"pretraining_epochs": told["epochs"], "pretraining_loss": told["val_loss"], "pretraining_explained": share}
