"""Titles of long names, on all pictures that are no maps: nothing of them is cut off."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hscd.evaluation.calibration import Calibration
from hscd.labels import CHANGED, UNCHANGED
from hscd.learn.examples import Examples
from hscd.reports import embeddings, examples, explanation, reconstruction, reliability
from hscd.system import storage

PRODUCT = "S2A_MSIL1C_20190101T100001_N0207_R122_T32UPU_20190101T120000"
TITLE = " → ".join([PRODUCT] * 4)
SPECTRA = np.ones((2, 30))
BANDS = np.arange(30)
TOLD = {"error": [0.1] * 30, "deviation": [0.2] * 30, "original": SPECTRA, "reconstructed": SPECTRA}
BINS = [{"low": 0.0, "high": 1.0, "changed": 1, "unchanged": 1}]
CALIBRATION = Calibration(np.array([10]), np.array([0.5]), np.array([0.5]), 0.0)
PAIRS = Examples({UNCHANGED: SPECTRA[None], CHANGED: SPECTRA[None]}, None)


@pytest.mark.parametrize(
    "draw",
    [
        lambda path: reliability.write_diagram(path, CALIBRATION, TITLE),
        lambda path: embeddings.write_histogram(path, BINS, 0.5, TITLE, "labels"),
        lambda path: explanation.write_importance(path, SPECTRA, SPECTRA, BANDS, None, TITLE),
        lambda path: explanation.write_turning(path, np.array([0.1, 0.2]), np.array([0, 1]), None, TITLE),
        lambda path: examples.write(path, PAIRS, BANDS, None, "pairs", TITLE),
        lambda path: storage.write_figure(path, *reconstruction.figure_of(TOLD, None, TITLE)),
    ],
    ids=["reliability", "histogram", "importance", "turning", "examples", "reconstruction"],
)
def test_titles_are_within_the_figure(draw, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(storage, "write_figure", lambda path, figure, dpi: drawn.append(figure))
    draw(tmp_path / "a.png")
    (figure,) = drawn
    title = figure._suptitle or figure.axes[0].title
    extent = title.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert PRODUCT in title.get_text()
    assert extent.width <= figure.get_figwidth() * figure.dpi
