"""What a trained network says of images that are unlike those that it was trained on. No network is built."""

from types import SimpleNamespace

import numpy as np
import pytest

import hscd
from detector_scenes import scene_of
from hscd.detectors.network import TrainedNetwork, _doubts
from hscd.scenes.domain_shift import statistics

RNG = np.random.default_rng(0)
LEARNED = RNG.uniform(0, 1, (500, 2, 3)).astype(np.float32)
SCALE = "the model was trained on bands rescaled to [0, 1], and these values go from "


def model(rescaled=None, spectra=True):
    """What is known of a model that was trained on `LEARNED`."""
    told = statistics(LEARNED).text if spectra else ""
    return SimpleNamespace(rescaled=rescaled, spectra=told, input_shape=(None, 2, 3))


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
        (model(True), LEARNED / 10, False,
         "; if its bands are not rescaled to [0, 1], as they were in its training: rescale=True of hscd.detect or "),
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
)  # fmt: skip
def test_doubts_about_a_model_at_pixel_pairs(of, values, rescaled, said):
    assert said in " ".join(found := _doubts(of, values, rescaled))
    assert len(found) == bool(said)


def test_detect_warns_once_of_values_that_are_not_rescaled(caplog):
    before, after = (LEARNED[:400, date].reshape(20, 20, 3) for date in (0, 1))
    for factor, lines in ((1, 0), (10_000, 1)):
        caplog.clear()
        found = hscd.detect(before * factor, after * factor, detector=Trained(model(True)), rescale=False)
        assert found.labels.shape == (20, 20)
        assert [record.getMessage().startswith(f"arrays, model M: {SCALE}") for record in caplog.records] == [
            True
        ] * lines
        assert [warning.startswith(f"arrays, model M: {SCALE}") for warning in found.warnings][:1] == [bool(lines)]


def test_arrays_are_rescaled_as_the_network_was_trained():
    before, after = (10_000 * LEARNED[:400, date].reshape(20, 20, 3) for date in (0, 1))
    # The distance of this network is that of the first band, which is divided by the distance of its ends.
    ends = np.ptp([before[..., 0], after[..., 0]])
    raw = np.abs(before[..., 0] - after[..., 0])
    for trained, rescale, divisor in ((True, None, ends), (True, False, 1), (False, None, 1), (None, None, 1)):
        found = hscd.detect(before, after, detector=Trained(model(trained)), rescale=rescale)
        np.testing.assert_allclose(found.score_map.scores, raw / divisor, rtol=1e-4, atol=1e-6 * raw.max() / divisor)
        assert any(SCALE in warning for warning in found.warnings) == (trained is True and rescale is False)
    rescaled = hscd.detect(before, after, detector="ED", threshold="otsu", rescale=True)
    assert rescaled.score_map.scores.max() <= np.sqrt(3)
    # Two arrays can be rescaled by `detect`; a scene only where it is opened.
    for images, remedy in (((before, after), "; rescale=True of hscd.detect"), ((scene_of(before, after),), "; hscd.")):
        rescale = None if len(images) == 1 else False
        told = hscd.detect(*images, detector=Trained(model(True)), rescale=rescale).warnings
        assert any(SCALE in warning and remedy in warning for warning in told)
    with pytest.raises(ValueError, match=r"rescale go with two images.*; hscd\.open_pair"):
        hscd.detect(scene_of(before, after), detector="ED", rescale=True)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [((20, 30, 3), 3), ((2, 3), 3), ((5, 2, 2, 3), 3), ((5, 2, 3), 5)],
)
def test_predict_refuses_what_are_no_pixel_pairs(shape, layers):
    of = model()
    of.input_shape = (None, 2, 3) if layers == 3 else (None, 2, None, None, 3)
    with pytest.raises(hscd.InputError, match=r"shape \(n, 2, 3\) expected.*hscd\.TrainedNetwork\(name, model\)\)$"):
        hscd.predict(of, np.zeros(shape, np.float32))


def test_predict_warns_and_predicts(caplog, monkeypatch):
    monkeypatch.setattr("hscd.learn.training.predict", lambda of, pairs, positions: (pairs * 2, positions))
    for values, lines in ((LEARNED, 0), (LEARNED * 10_000, 1)):
        caplog.clear()
        doubled, positions = hscd.predict(model(True), values, np.arange(3))
        np.testing.assert_array_equal(doubled, values[:3] * 2)
        assert positions is None
        assert [record.getMessage().startswith(SCALE) for record in caplog.records] == [True] * lines


# A network gives its least distance, here 0.5, to pairs of NaN.
def test_predict_knows_no_distance_of_values_that_are_not_known(monkeypatch):
    def least(of, pairs, positions):
        return np.full(len(pairs if positions is None else positions), 0.5, np.float32)

    monkeypatch.setattr("hscd.learn.training.predict", least)
    pairs = LEARNED[:4].copy()
    pairs[1, 0, 2], pairs[3, 1, 0] = np.nan, np.inf
    np.testing.assert_array_equal(hscd.predict(model(), pairs), [0.5, np.nan, 0.5, np.nan])
    np.testing.assert_array_equal(hscd.predict(model(), pairs, [3, 2]), [np.nan, 0.5])
    masked = np.ma.masked_array(LEARNED[:4], ~np.isfinite(pairs))
    np.testing.assert_array_equal(hscd.predict(model(), masked), [0.5, np.nan, 0.5, np.nan])


class Looked(np.ndarray):
    """An array that knows how many pairs were taken of it."""

    def __array_finalize__(self, source):
        self.taken = getattr(source, "taken", [])

    def __getitem__(self, key):
        found = super().__getitem__(key)
        self.taken.append(len(found))
        return np.asarray(found)


# Of a mapped file, what is not asked for is not read. All pairs are looked at in blocks, here of 12 values, two pairs.
def test_predict_looks_at_the_pairs_that_are_asked_for(monkeypatch):
    monkeypatch.setattr("hscd.learn.training.predict", lambda of, pairs, positions: np.ones(len(pairs), np.float32))
    monkeypatch.setattr("hscd.detectors.network._BLOCK_VALUES", 12)
    pairs = LEARNED[:5].copy()
    pairs[[1, 4], 0, 0] = np.nan
    np.testing.assert_array_equal(hscd.predict(model(), pairs), [1, np.nan, 1, 1, np.nan])
    looked = pairs.view(Looked)
    np.testing.assert_array_equal(hscd.predict(model(), looked, [4, 0]), [np.nan, 1])
    assert looked.taken == [2]
    assert len(hscd.predict(model(), pairs, np.zeros(0, int))) == 0


def test_few_pairs_do_not_tell_of_a_place(caplog, monkeypatch):
    monkeypatch.setattr("hscd.learn.training.predict", lambda of, pairs, positions: np.ones(len(pairs), np.float32))
    far = LEARNED + 2
    for count, lines in ((99, 0), (100, 1)):
        caplog.clear()
        hscd.predict(model(), far[:count])
        assert ["the spectra are far" in record.getMessage() for record in caplog.records] == [True] * lines


@pytest.mark.parametrize(
    ("pairs", "positions", "said"),
    [
        (LEARNED, [0, 500], "positions: integers from 0 to 499 expected"),
        (LEARNED, [-1], "positions: integers from 0 to 499 expected"),
        (LEARNED, [0.5], "positions: integers from 0 to 499 expected"),
        (LEARNED, [[1]], "positions: integers from 0 to 499 expected"),
        (np.full((1, 2, 3), "a"), None, "pairs: real numbers expected, received text"),
        ([[1], [1, 2]], None, "pairs: an array expected, received lists of several lengths"),
    ],
)
def test_predict_refuses_what_is_no_number_and_no_position(pairs, positions, said):
    with pytest.raises(hscd.InputError, match=said):
        hscd.predict(model(), pairs, positions)


@pytest.mark.parametrize(
    ("rescaled", "said"),
    [
        (True, "trained on bands rescaled to [0, 1]"),
        (False, "trained on values as they are"),
        (None, "its file does not say whether it was trained on rescaled bands"),
    ],
)
def test_a_network_says_what_it_expects(rescaled, said):
    of = model(rescaled)
    assert repr(Trained(of)) == f"<TrainedNetwork M: 3 bands, {said}>"
    of.loss = SimpleNamespace(head=hscd.HEADS["SAM"])
    assert repr(Trained(of)) == f"<TrainedNetwork M: 3 bands, distance SAM, {said}>"
