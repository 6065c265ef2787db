"""How the probability of change of a run compares with its labels, as a chart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hscd.evaluation.calibration import Calibration
from hscd.reports import reliability
from hscd.reports.page import charts, searches
from hscd.reports.page.charts import Chart
from hscd.reports.page.found import Run


def chart(run: Run, result: str) -> Chart | None:
    """The share that changed over the probability, by tenths; None where no labels were compared with it."""
    rows = [
        [searches.number_of(row.get(name)) for name in ("pixels", "probability", "changed")]
        for row in run.table(result, "calibration")
    ]
    if not rows or any(None in row for row in rows):
        return None
    pixels, predicted, observed = np.array(rows, float).T
    if pixels.min() < 1 or min(predicted.min(), observed.min()) < 0 or max(predicted.max(), observed.max()) > 1:
        return None
    of = reliability.tenths(Calibration(pixels, predicted, observed, float("nan")))
    table = [("mean probability", "share that changed", "pixels")] + [
        (f"{one:.2f}", f"{100 * two:.0f} %", f"{count:,}")
        for one, two, count in zip(of.predicted, of.observed, of.pixels.tolist(), strict=True)
    ]
    told = f"The {pixels.sum():,.0f} labelled pixels, by tenths of their probability of change."
    series = {
        "as it should be": ([0.0, 1.0], [0.0, 1.0], "all"),
        "labels": (of.predicted.tolist(), of.observed.tolist(), charts.DOTS),
    }
    drawn = charts.lines(
        "Probability against the labels", told, ("probability of change", "share that changed"), series
    )
    return replace(drawn, table=table)
