"""What a trained network says of images that are unlike those that it was trained on. No network is built."""

from types import SimpleNamespace

import numpy as np
import pytest

import hscd
from hscd.detectors.network import TrainedNetwork, _doubts
from hscd.scenes.domain_shift import statistics

RNG = np.random.default_rng(0)
LEARNED = RNG.uniform(0, 1, (500, 2, 3)).astype(np.float32)
SCALE = "the model was trained on bands rescaled to [0, 1], and these values go from "


def model(rescaled=None, spectra=True):
    """What is known of a model that was trained on `LEARNED`."""
    return SimpleNamespace(rescaled=rescaled, spectra=statistics(LEARNED).text if spectra else "")


class Trained(TrainedNetwork):
    """A network that gives the distance of the first band."""

    def __init__(self, of):
        self.name, self.model, self.halo = "M", of, 0

    def fit(self, scene, rng):
        return lambda block: np.abs(block.pairs[..., 0, 0] - block.pairs[..., 1, 0]).reshape(-1)


@pytest.mark.parametrize(
    ("of", "values", "rescaled", "said"),
    [
        (model(True), LEARNED, None, ""),
        (model(True), LEARNED * 10_000, None, SCALE),
        (model(True), LEARNED * 10_000, False, SCALE),
        (model(True, spectra=False), LEARNED - 2, False, SCALE),
        # Rescaled with the ranges of its data set, which other images exceed: the spectra are far all the same.
        (model(True), LEARNED * 10_000, True, "the spectra are far"),
        # Reflectances are no larger than rescaled values; a tenth of the contrast is another distribution.
        (model(True), LEARNED / 10, False, "; if its bands are not rescaled to [0, 1], as they were"),
        (model(False), LEARNED / 10, False, "the spectra are far"),
        (model(False), LEARNED, True, "trained on values as the files have them, and these are rescaled"),
        (model(False), LEARNED, None, ""),
        (model(None), LEARNED * 10_000, False, "the spectra are far"),
        # Nothing is known, or nothing to compare with it.
        (model(None, spectra=False), LEARNED * 10_000, False, ""),
        (SimpleNamespace(), LEARNED * 10_000, False, ""),
        (model(None), LEARNED[..., :2] * 10_000, False, ""),
        (model(True), LEARNED * np.nan, False, ""),
    ],
)
def test_doubts_about_a_model_at_pixel_pairs(of, values, rescaled, said):
    assert said in " ".join(found := _doubts(of, values, rescaled))
    assert len(found) == bool(said)


def test_detect_warns_once_of_values_that_are_not_rescaled(caplog):
    before, after = (LEARNED[:400, date].reshape(20, 20, 3) for date in (0, 1))
    for factor, lines in ((1, 0), (10_000, 1)):
        caplog.clear()
        found = hscd.detect(before * factor, after * factor, detector=Trained(model(True)))
        assert found.labels.shape == (20, 20)
        assert [record.getMessage().startswith(f"arrays, model M: {SCALE}") for record in caplog.records] == [
            True
        ] * lines


def test_predict_warns_and_predicts(caplog, monkeypatch):
    monkeypatch.setattr("hscd.learn.training.predict", lambda of, pairs, positions: (pairs * 2, positions))
    for values, lines in ((LEARNED, 0), (LEARNED * 10_000, 1)):
        caplog.clear()
        doubled, positions = hscd.predict(model(True), values, np.arange(3))
        np.testing.assert_array_equal(doubled, values * 2)
        assert positions.tolist() == [0, 1, 2]
        assert [record.getMessage().startswith(SCALE) for record in caplog.records] == [True] * lines
