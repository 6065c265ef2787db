"""How a probability of change compares with labels: a table, a line for the terminal, and the reliability diagram."""

from __future__ import annotations

from pathlib import Path

from hscd.evaluation.calibration import Calibration
from hscd.reports.maps import fit, new_figure
from hscd.reports.tables import Row
from hscd.system import storage

_BLUE = "#2c5fbf"


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
        f"{figures}; of the pixels called changed, {kept:.0f} % are changed by the labels, {promised:.0f} % would be "
        "by their probability"
    )


def write_diagram(path: Path, calibration: Calibration, title: str) -> None:
    """Draw the share that changed over the probability, bin by bin, and the diagonal of a probability that is right.

    The area of a point grows with its pixels.

    References:
        DeGroot, Fienberg (1983), "The comparison and evaluation of forecasters", The Statistician 32.
    """
    figure, dpi = new_figure((1, 1), 1)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as it should be")
    axes.plot(calibration.predicted, calibration.observed, color=_BLUE, label="labels (area of a point: its pixels)")
    sizes = 10 + 190 * calibration.pixels / calibration.pixels.max()
    axes.scatter(calibration.predicted, calibration.observed, sizes, color=_BLUE, alpha=0.6)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set_xlabel("mean probability of change")
    axes.set_ylabel("share that changed")
    fit(axes.set_title(title, parse_math=False), figure)
    figures = f"calibration error {calibration.error:.3f}\nBrier score {calibration.brier:.3f}"
    axes.text(0.98, 0.03, figures, ha="right", va="bottom", transform=axes.transAxes)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)  # within the axes it may hide the curve
    storage.write_figure(path, figure, dpi)
