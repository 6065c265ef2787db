"""Stage: which bands a network goes by, which spectrum it calls most changed, and how small a change turns a label."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hscd.evaluation.curves import curves
from hscd.explanation import Differentiate
from hscd.explanation.adversarial import smallest_changes
from hscd.explanation.attribution import integrated_gradients
from hscd.explanation.ideal import ideal_spectrum
from hscd.labels import CHANGED, UNCHANGED
from hscd.reports import explanation as reports
from hscd.reports.embeddings import OF_MAP, Sampled, rows
from hscd.reports.tables import Row
from hscd.scenes.title import title_of
from hscd.system import messages, storage

if TYPE_CHECKING:
    from pipeline.explaining import Seen

# Error of the sums of integrated gradients that is told.
_COMPLETE = 0.05
# Bands that are named.
_NAMED = 3
# Percentiles of the sample between which an ideal spectrum has to stay.
_PLAUSIBLE = (0.5, 99.5)


def _network(seen: Seen) -> Differentiate:
    from hscd.learn.training import gradients

    return partial(gradients, seen.model)


def band_importance(seen: Seen, sampled: Sampled, picture: Path, table: Path) -> Row:
    """What each band adds to the distance of changed pixels."""
    changed = sampled.pairs[sampled.labels == CHANGED]
    image, title = seen.scene.before, f"{seen.settings.model_name} on {title_of(seen.scene)}"
    if not len(changed):
        messages.warn(f"{seen.scene.name}: no pixel changed, so no band has a part in it")
    found = integrated_gradients(_network(seen), changed)
    if found.error > _COMPLETE:
        messages.warn(
            f"{seen.scene.name}: what the bands add to the distances misses these by {100 * found.error:.0f} %: the "
            "distance leaps on the way, as it does where an embedding becomes 0"
        )
    values = found.values.mean(axis=0) if len(changed) else np.zeros(changed.shape[1:])
    told = reports.importance_rows(values, image.band_numbers, image.wavelengths)
    storage.write_csv(table, told)
    spectra = changed.mean(axis=0, dtype=np.float64) if len(changed) else values
    reports.write_importance(picture, values, spectra, image.band_numbers, image.wavelengths, title)
    first = sorted(told, key=lambda row: -row["both"])[:_NAMED]
    named = ", ".join(
        f"{row['band']}" + ("" if row["wavelength"] is None else f" ({row['wavelength']:.0f} nm)") for row in first
    )
    messages.result(
        f"{seen.scene.name}: the distance of {len(changed):,} changed pixels comes most from bands {named}: "
        f"{picture.name}"
    )
    return {"band_importance": {"pixels": len(changed), "bands": [row["band"] for row in first], "error": found.error}}


def ideal(seen: Seen, sampled: Sampled, picture: Path, table: Path) -> Row:
    """The after spectrum that the network calls most changed, from the mean unchanged spectrum on."""
    image = seen.scene.before
    of_changed, of_unchanged = (sampled.pairs[sampled.labels == label] for label in (CHANGED, UNCHANGED))
    start = (of_unchanged if len(of_unchanged) else sampled.pairs)[:, 0].mean(axis=0, dtype=np.float64)
    # Neighbours of the variation loss are those by wavelength.
    bands = len(start)
    order = np.arange(bands) if image.wavelengths is None else np.argsort(image.wavelengths, kind="stable")
    back, network = np.argsort(order), _network(seen)

    def sorted_network(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distances, gradients = network(pairs[..., back])
        return distances, gradients[..., order]

    low, high = np.percentile(sampled.pairs.reshape(-1, bands), _PLAUSIBLE, axis=0)[:, order]
    threshold, rng = seen.threshold, np.random.default_rng(seen.settings.seed)
    found = ideal_spectrum(
        sorted_network, start[order], (low, high), threshold, seen.settings.explain.ideal_smoothness, rng
    )
    spectra = {"unchanged": start, "ideal": found.spectrum[back]}
    likeness, remark = None, ""
    if len(of_changed):
        means = of_changed.mean(axis=0, dtype=np.float64)
        spectra |= {"before": means[0], "after": means[1]}
        likeness = _cosine(found.spectrum[back] - start, means[1] - means[0])
        remark = f", cosine of the angle to the mean change {likeness:.2f}"
    storage.write_csv(table, reports.ideal_rows(spectra, image.band_numbers, image.wavelengths))
    title = f"{seen.settings.model_name} on {title_of(seen.scene)}"
    reports.write_ideal(picture, spectra, image.band_numbers, image.wavelengths, title)
    messages.result(
        f"{seen.scene.name}: ideal changed spectrum: distance {found.distance:.3g}, {found.distance / threshold:.2g} "
        f"times the threshold{remark}: {picture.name}"
    )
    return {"ideal_spectrum": {"distance": found.distance, "cosine": likeness}}


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two changes; NaN where one is none."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else float("nan")


def adversarial(seen: Seen, sampled: Sampled, picture: Path, table: Path) -> Row:
    """How small a change of its after spectrum turns the label of a pixel."""
    rng = np.random.default_rng(seen.settings.seed)
    changes = smallest_changes(_network(seen), sampled.pairs, seen.threshold, rng)
    lengths = np.linalg.norm(sampled.pairs[:, 1].astype(np.float64), axis=-1)
    relative = np.linalg.norm(changes, axis=-1) / np.where(lengths > 0, lengths, np.nan)
    known = sampled.given != OF_MAP
    wrong = sampled.called != sampled.labels if known else None
    told = [row | {"relative_change": float(of)} for row, of in zip(rows(sampled)[::2], relative, strict=True)]
    storage.write_csv(table, [{name: value for name, value in row.items() if name != "date"} for row in told])
    reports.write_turning(
        picture, relative, sampled.called, wrong, f"{seen.settings.model_name} on {title_of(seen.scene)}"
    )
    called = (("changed", CHANGED), ("unchanged", UNCHANGED))
    medians = {name: _median(relative[sampled.called == label]) for name, label in called}
    figures: Row = {"pixels": len(relative), "not_turned": int(np.isnan(relative).sum())}
    figures |= {f"median_{name}": value for name, value in medians.items()}
    remark = ", ".join(f"{100 * value:.2g} % for what is called {name}" for name, value in medians.items() if value)
    if wrong is not None:
        figures |= _told_errors(relative, np.abs(sampled.distances - seen.threshold), wrong)
        if figures["auroc_of_errors"] is not None:
            remark += (
                f"; area under the ROC curve by which it tells wrong labels: {figures['auroc_of_errors']:.3f}, that of "
                f"how near the distance is to the threshold: {figures['auroc_of_errors_by_distance']:.3f}"
            )
    messages.result(
        f"{seen.scene.name}: smallest change of the after spectrum that turns a label, in the median: "
        f"{remark or 'none was found'} ({picture.name})"
    )
    return {"adversarial": figures}


def _told_errors(relative: np.ndarray, from_threshold: np.ndarray, wrong: np.ndarray) -> Row:
    """How well a small change, and a distance near the threshold, tell wrong labels; None where all are the same.

    Args:
        relative: (pixels,) changes that turn labels; NaN of those that nothing turns, which count as surest.
        from_threshold: (pixels,) differences of their distances from the threshold.
        wrong: (pixels,) whether their labels are wrong.
    """
    sure = np.where(np.isnan(relative), np.nanmax(relative, initial=0) + 1, relative)
    measures = {"auroc_of_errors": sure, "auroc_of_errors_by_distance": from_threshold}
    ranked = {name: curves(-of, np.where(wrong, CHANGED, UNCHANGED)) for name, of in measures.items()}
    return {name: None if of is None else of.auroc for name, of in ranked.items()}


def _median(values: np.ndarray) -> float | None:
    """Of those that are known; None where none is."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else None
