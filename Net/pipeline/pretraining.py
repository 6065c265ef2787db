"""Stage: the spectra that a pre-training learns from, and the report of how well they are reconstructed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dataprocessing as dp
from hscd.branches import BRANCHES, DEFAULT
from hscd.detectors.tools.samples import positions
from hscd.models import saved as models
from hscd.pretraining import CODE_SIZE, CONVOLUTIONAL, DATA, NONE, PIXELS, SPECTRA, doubt_of_code
from hscd.reports import reconstruction
from hscd.scenes.image import Image
from hscd.scenes.scene import Scene
from hscd.scenes.spectral_library import at_bands_of, mixtures
from hscd.system.arrays import aligned_empty
from hscd.system.errors import InputError
from hscd.system.messages import result, tell, warn
from pair_finding import pair_files
from settings import Settings


class Unlabelled(NamedTuple):
    """`pairs`, (pixels, 2, bands) float32, and the `wavelengths` of the bands in nm, None where they are not known."""

    pairs: np.ndarray | None = None
    wavelengths: np.ndarray | None = None


def sections(settings: Settings) -> tuple[str, ...]:
    """The data sets that a pre-training learns from; none where there is no pre-training."""
    return tuple(name for name in _sources(settings) if name != SPECTRA)


def _sources(settings: Settings) -> tuple[str, ...]:
    """What a pre-training learns from: data sets, and `SPECTRA`; none where there is no pre-training."""
    if settings.pretraining == NONE:
        return ()
    return settings.options[DATA.name] or (settings.train_set,)


def require(settings: Settings) -> None:
    """Raise `InputError` where network or data of a pre-training cannot be, before anything slow."""
    for name in sections(settings):
        pair_files(settings[name])
    if _sources(settings) and settings.reach:
        raise InputError(
            f"{settings.file}: pretraining = {settings.pretraining} reconstructs spectra, found network = "
            f"{settings.network}, which sees neighbours; expected pretraining = none, or another network"
        )
    if SPECTRA in _sources(settings) and not settings.apply_rescaling:
        raise InputError(
            f"{settings.file}: {DATA.name} = {SPECTRA} needs apply_rescaling = True, found False: they are "
            "reflectances, and the images may be in any unit"
        )
    if settings.pretraining == CONVOLUTIONAL and settings.network != "convolutional":
        raise InputError(
            f"{settings.file}: pretraining = {CONVOLUTIONAL} mirrors convolutions, found network = {settings.network}; "
            "expected network = convolutional"
        )


def unlabelled(settings: Settings, bands: int) -> Unlabelled:
    """Pixel pairs for a pre-training, drawn by the seed from all valid pixels, labelled or not, or mixed of spectra.

    Each data set is rescaled by itself, as for a test; its pixels count by their number. Mixtures are half of the pairs
    where there are data sets beside them.

    Args:
        settings: the run's settings.
        bands: of the spectra that the network is trained on.

    Raises:
        InputError: if a data set cannot be read or has another number of bands, or the wavelengths are not known at
            which spectra are to be mixed.
    """
    sources, named = _sources(settings), sections(settings)
    if not sources:
        return Unlabelled()
    scenes = [scene for name in named for scene in _scenes(name, settings, bands)]
    doubt = doubt_of_code(settings.options[CODE_SIZE.name], bands)
    if doubt:
        warn(f"pretraining = {settings.pretraining}: {doubt}")
    pixels = settings.options[PIXELS.name]
    if SPECTRA not in sources:
        return Unlabelled(drawn(scenes, pixels, settings.seed), scenes[0].before.wavelengths)
    # The network's own bands, whatever other data sets say of theirs.
    image = dp.scenes(settings.train_set, settings)[0].before
    mixed = _mixed(settings, image, max(1, pixels // 2) if scenes else pixels)
    parts = [drawn(scenes, pixels - len(mixed), settings.seed), mixed] if scenes else [mixed]
    return Unlabelled(np.concatenate(parts), image.wavelengths)


def _scenes(name: str, settings: Settings, bands: int) -> list[Scene]:
    """The pairs of a data set, which have so many bands."""
    found = dp.scenes(name, settings)
    if found[0].bands != bands:
        raise InputError(
            f"{settings.file}: {DATA.name}: [{name}] has {found[0].bands} bands, "
            f"train_set [{settings.train_set}] has {bands}"
        )
    return found


def _mixed(settings: Settings, image: Image, count: int) -> np.ndarray:
    """Mixtures of the spectra that ship with the program, rescaled by band as a data set is."""
    try:
        spectra, doubt = at_bands_of(image)
    except ValueError as error:
        raise InputError(f"{settings.file}: {DATA.name} = {SPECTRA}: {error}") from error
    if doubt:
        warn(f"{DATA.name} = {SPECTRA}: {doubt}")
    pairs = mixtures(spectra, count, np.random.default_rng(settings.seed))
    low, high = pairs.min(axis=(0, 1)), pairs.max(axis=(0, 1))
    pairs -= low
    pairs /= np.where(high > low, high - low, 1)
    return pairs


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


def saved(settings: Settings) -> list[Path]:
    """The common prefixes of the models that a training saves, the trained one and that of its pre-training."""
    prefix = settings.model_path / settings.model_name
    return [prefix, models.pretrained(prefix)] if _sources(settings) else [prefix]


def start_from(settings: Settings) -> Path | None:
    """The common prefix of the model that a training starts from; None where it starts from random weights."""
    name = settings.learning.start_from
    return None if name is None else settings.model_path / name


def seen(settings: Settings) -> frozenset[str]:
    """Fingerprints of the pairs that the model that a training starts from was trained on."""
    prefix = start_from(settings)
    return frozenset() if prefix is None else models.trained_on(prefix)


def started(settings: Settings) -> Settings:
    """The settings with a search for networks of no other layers than those of the model that they start from.

    Raises:
        InputError: if that model cannot be read, is of another network or of other layers than the keys name, or would
            be replaced by the search.
    """
    prefix, name = start_from(settings), settings.learning.start_from
    if prefix is None:
        return settings
    if prefix in saved(settings):
        raise InputError(f"{settings.file}: start_from = {name} is a model that this training saves; expected another")
    if not models.model_files(prefix)[0].is_file():
        raise InputError(
            f"{settings.file}: start_from = {name}: {models.model_files(prefix)[0]}: no such file; expected a saved "
            "model, such as MODEL_pretrained, which a training with a pretraining saves"
        )
    parameters = models.read_parameters(prefix)
    network = parameters.get("network", DEFAULT)
    if network != settings.network:
        raise InputError(
            f"{settings.file}: start_from = {name} is a model of network = {network}, found network = "
            f"{settings.network}; expected the same"
        )
    if models.trained_rescaled(prefix) not in (None, settings.apply_rescaling):
        warn(
            f"start_from = {name}: trained with apply_rescaling = {not settings.apply_rescaling}, goes on with "
            f"{settings.apply_rescaling}; set apply_rescaling = {not settings.apply_rescaling}"
        )
    search, sizes = settings.search(settings.distance), BRANCHES[network].sizes(parameters)
    for option in BRANCHES.options(network):
        asked = search.options[option.name]
        if option.name in BRANCHES[network].of_start and asked not in (option.default, sizes.get(option.name)):
            raise InputError(
                f"{settings.file}: {option.name}: found {asked}, but layers and their weights are those of start_from "
                f"= {name}{f', {sizes[option.name]}' if option.name in sizes else ''}; remove one of the two"
            )
    tell(f"start_from = {name}, so {', '.join(f'{key} = {value}' for key, value in sizes.items())}")
    search = replace(search, options=search.options | sizes)
    return replace(settings, searches={**settings.searches, settings.distance: search})


def files(settings: Settings) -> list[Path]:
    """Table and picture of a pre-training; none where there is none."""
    prefix = f"{settings.model_name}_pretraining"
    return [settings.stat_path / f"{prefix}{end}" for end in (".csv", ".png")] if _sources(settings) else []


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
        f"({picture.name}); start_from = {saved(settings)[-1].name} starts from it"
    )
    return {"pretraining_epochs": told["epochs"], "pretraining_loss": told["val_loss"], "pretraining_explained": share}
