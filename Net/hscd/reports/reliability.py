"""How a probability of change compares with labels: a table, a line for the terminal, and the reliability diagram."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hscd.evaluation.calibration import Calibration
from hscd.reports.maps import fit, new_figure
from hscd.reports.tables import Row
from hscd.system import storage

_BLUE = "#2c5fbf"
# Bins of the diagram.
_TENTHS = 10


def rows(calibration: Calibration) -> list[Row]:
    """A row a bin: its `pixels`, their mean `probability`, and `changed`, the share of them that changed."""
    bins = zip(calibration.pixels, calibration.predicted, calibration.observed, strict=True)
    return [
        {"pixels": int(pixels), "probability": float(predicted), "changed": float(observed)}
        for pixels, predicted, observed in bins
    ]


def line(calibration: Calibration, called: Calibration | None) -> str:
    """What labels say of a probability, for the terminal.

    Args:
        calibration: of all pixels of known label.
        called: of those that are called changed; None where there are none.
    """
    figures = f"calibration error {calibration.error:.3f}, Brier score {calibration.brier:.3f}"
    if called is None:
        return figures
    promised, kept = 100 * called.mean_predicted, 100 * called.mean_observed
    return (
        f"{figures}; {kept:.0f} % of the pixels called changed are changed according to the labels; their "
        f"probabilities promised {promised:.0f} %"
    )


def tenths(calibration: Calibration) -> Calibration:
    """The same, its bins put together to those of each tenth of the probability.

    The bins hold equally many pixels each. Most of these have a probability near 0 or 1, so that a diagram of all bins
    would show how a few in a thousand of the pixels differ as steeply as what holds for all others.
    """
    tenth = np.minimum((_TENTHS * calibration.predicted).astype(int), _TENTHS - 1)
    pixels = np.bincount(tenth, calibration.pixels, _TENTHS)
    filled = pixels > 0
    predicted, observed = (
        np.bincount(tenth, calibration.pixels * of, _TENTHS)[filled] / pixels[filled]
        for of in (calibration.predicted, calibration.observed)
    )
    return Calibration(pixels[filled].astype(np.int64), predicted, observed, calibration.brier)


def write_diagram(path: Path, calibration: Calibration, title: str) -> None:
    """Draw the share that changed over the probability, by tenths of that, and the diagonal of a right probability.

    Below it, what share of the labelled pixels has such a probability.

    References:
        DeGroot, Fienberg (1983), "The comparison and evaluation of forecasters", The Statistician 32.
        Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks", ICML.
    """
    figure, dpi = new_figure((7, 5), 1)
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    drawn = tenths(calibration)
    above.plot([0, 1], [0, 1], color="0.6", linestyle="--", zorder=1)
    above.text(0.6, 0.57, "as it should be", color="0.4", rotation=45, rotation_mode="anchor", va="top", ha="center")
    above.vlines(drawn.predicted, drawn.predicted, drawn.observed, color=_BLUE, alpha=0.35, linewidth=2, zorder=2)
    above.scatter(drawn.predicted, drawn.observed, 45, color=_BLUE, zorder=3)
    above.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), box_aspect=1, ylabel="share that changed by the labels")
    shares = 100 * drawn.pixels / drawn.pixels.sum()
    tenth = np.minimum((_TENTHS * drawn.predicted).astype(int), _TENTHS - 1)
    below.bar((tenth + 0.5) / _TENTHS, shares, 0.9 / _TENTHS, color=_BLUE, alpha=0.6)
    for at, share in zip(tenth, shares, strict=True):
        below.text((at + 0.5) / _TENTHS, share, _percent(share), ha="center", va="bottom", fontsize=8)
    below.set(
        ylim=(0, 120), yticks=(0, 50, 100), box_aspect=1 / 3, ylabel="% of pixels", xlabel="probability of change",
        xticks=np.linspace(0, 1, 6),
    )  # fmt: skip
    figures = (
        f"{int(calibration.pixels.sum()):,} labelled pixels, {100 * calibration.mean_observed:.1f} % of them changed\n"
        f"calibration error {calibration.error:.3f}, Brier score {calibration.brier:.3f}"
    )
    fit(above.set_title(f"{title}\n{figures}", parse_math=False), figure)
    storage.write_figure(path, figure, dpi)


def _percent(share: float) -> str:
    return f"{share:.0f}" if share >= 1 else "< 1"
