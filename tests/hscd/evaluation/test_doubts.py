"""What makes a map doubtful, on made scenes."""

from pathlib import Path

import numpy as np
import pytest

from hscd.evaluation import doubts
from hscd.scenes.image import Image
from hscd.scenes.scene import Scene


def scene_of(before, after, valid=None):
    def image(pixels):
        return Image(
            Path("a.npy"), "npy", pixels.shape, pixels.dtype, (1, pixels.shape[1]),
            lambda rows, columns: pixels[rows, columns],
        )  # fmt: skip

    return Scene("town", image(before), image(after), np.full(before.shape[:2], 2, np.uint8), valid, None)


def scores_of(unchanged, changed, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.gamma(2, 1, unchanged), rng.normal(30, 3, changed)]).astype(np.float32)


def test_two_clear_modes_leave_no_doubt():
    assert doubts.of_threshold(scores_of(100_000, 10_000), 16.0) == []


def test_one_mode_is_doubted():
    (one_mode,) = [said for said in doubts.of_threshold(scores_of(100_000, 0), 6.0) if "second mode" in said]
    assert one_mode.startswith("the scores have no second mode above the threshold")


def test_a_share_that_hangs_on_the_threshold_is_doubted():
    scores = scores_of(100_000, 0)
    # Gamma(2): P(x > t) = (1 + t) exp(−t), which for t = 9 is .00123, and for 8.1 .00276, 2.2 times as much.
    (hangs,) = [said for said in doubts.of_threshold(scores, 9.0) if "depends on the threshold" in said]
    # Of 123 and 276 expected pixels, give or take 11 and 17.
    assert 1.9 < float(hangs.split("it is ")[1].split(" times")[0]) < 2.7


def test_where_nothing_is_changed_there_is_nothing_to_doubt():
    assert doubts.of_threshold(scores_of(1000, 0), 1e6) == []
    assert doubts.of_threshold(np.array([0.0] * 90 + [3.0] * 10, np.float32), 0.0) == []  # as k-means scores
    assert doubts.of_threshold(np.full(10, np.nan, np.float32), 1.0) == []


@pytest.mark.parametrize(("agreement", "doubted"), [(0.4999, True), (-0.2, True), (0.5, False), (None, False)])
def test_a_model_that_disagrees_with_what_it_was_is_doubted(agreement, doubted):
    found = doubts.of_fine_tuning(agreement)
    assert len(found) == doubted
    assert all(f"kappa {agreement:.3f} between the two maps" in said for said in found)


@pytest.mark.parametrize(("shift", "doubted"), [(0.301, True), (0.3, False), (None, False)])
def test_a_place_far_from_the_one_trained_on_is_doubted(shift, doubted):
    found = doubts.of_domain_shift(shift)
    assert len(found) == doubted
    explained = "(0 for the same spectra, 2 for spectra that do not overlap)"
    assert all(f"Jeffries–Matusita distance 0.30 of 2 {explained}, expected at most 0.3;" in said for said in found)


def test_figures_of_pairs_that_were_trained_on_are_doubted():
    assert doubts.of_shared_pairs(0, 3) == []
    (said,) = doubts.of_shared_pairs(1, 1)
    assert said.startswith("the model was trained on this pair; its accuracy here")
    (said,) = doubts.of_shared_pairs(1, 1, is_trained=False)
    assert said.startswith("the model will have been trained on this pair; its accuracy here")
    assert "trained on 2 of these 3 pairs;" in doubts.of_shared_pairs(2, 3)[0]


def noise(bands=6, seed=0, shape=(40, 30)):
    return np.random.default_rng(seed).normal(0.5, 0.1, (*shape, bands)).astype(np.float32)


def test_a_band_that_makes_most_of_the_distance_is_named():
    before, after = noise(), noise(seed=1)
    after[:, :, 2] += 1.0 * (np.arange(30) % 2)  # half of the pixels, so that the band's mean shifts too
    (band, *_) = doubts.of_spectra(scene_of(before, after), np.random.default_rng(0))
    # Squared distances: .02 in five bands, .02 + .5 in the sixth, of .62: 84 %.
    assert band == "band 3 makes 84 % of the squared distances of 6 bands"


def test_a_shift_of_most_bands_is_told_and_that_of_a_few_is_not():
    before, after = noise(), noise(seed=1)
    after[:, :, :2] += 0.1
    assert doubts.of_spectra(scene_of(before, after), np.random.default_rng(0)) == []
    after[:, :, 2:4] += 0.1  # one standard deviation
    (shift,) = doubts.of_spectra(scene_of(before, after), np.random.default_rng(0))
    assert shift.startswith("4 of 6 bands shift between the dates by more than 0.5 standard deviations")


def test_bands_that_change_moves_do_not_shift():
    before, after = noise(), noise(seed=1)
    after[:, :12] += 1  # 40 % of the pixels, so that all means shift by 0.4, four standard deviations
    assert doubts.of_spectra(scene_of(before, after), np.random.default_rng(0)) == []


# Bands have a deviation of 0.1; what is marked differs by 0.002 in each, 2 % of it, or by 0.01, a tenth.
@pytest.mark.parametrize(("size", "doubted"), [(0.002, True), (0.01, False)])
def test_two_versions_of_one_image_are_doubted(size, doubted):
    before, scores = noise(), np.zeros((40, 30), np.float32)
    after = before.copy()
    after[30:, 20:] += size
    after[:5] = 7  # masked
    scores[30:, 20:], scores[:5] = 9, np.nan
    scene = scene_of(before, after, np.isfinite(scores))
    assert len(scene.windows) == 1
    found = doubts.of_size(doubts.some_changed(scene, scores, 4, np.random.default_rng(0)))
    assert [text.split(":")[0] for text in found] == doubted * [
        "what counts as changed differs between the dates by 2 % of the contrast of the images"
    ]
    assert doubts.some_changed(scene, scores, 9, np.random.default_rng(0)) == []  # nothing is


# Bands lie at 0.5 ± 0.1, so half of that again is 2.5 standard deviations in each. Their dark ends are 2 deviations
# above 0, along (1, …, 1), and half of those, 1, is not along spectra of 3 ± 1 deviations: sin² = 1 / 10 of it is left,
# of 2.5² + .5² in all: 1.5 %. As much up in one half of the bands and down in the other is no gain at all.
def changed_by(change, bands=6):
    before, scores = noise(bands), np.zeros((40, 30), np.float32)
    after, scores[38:, 20:] = before.copy(), 9
    after[38:, 20:] = change(before[38:, 20:])
    scene = scene_of(before, after)
    return doubts.of_brightness(doubts.some_changed(scene, scores, 4, np.random.default_rng(0)))


def test_what_is_brighter_only_is_doubted():
    (told,) = changed_by(lambda pixels: 1.5 * pixels)
    assert told.startswith("98 % of the difference of what counts as changed is brightness that all bands share: ")
    assert changed_by(lambda pixels: pixels + 0.25 * np.repeat([1, -1], 3)) == []
    assert changed_by(lambda pixels: 1.5 * pixels, bands=1) == []  # one band tells nothing else
    assert changed_by(lambda pixels: pixels) == []  # nor do pixels that are the same


def test_samples_of_changed_pixels_are_small(monkeypatch):
    monkeypatch.setattr(doubts, "_SAMPLE", 40)  # of four windows
    scores = np.full((40, 30), 9, np.float32)
    ((marked, every),) = doubts.some_changed(scene_of(noise(), noise(seed=1)), scores, 4, np.random.default_rng(0))
    assert marked.shape == every.shape == (10, 2, 6)


def test_bands_without_values_have_no_part_in_brightness():
    before, scores = np.zeros((40, 30, 6)), np.full((40, 30), 9, np.float32)
    samples = doubts.some_changed(scene_of(before, before + 1), scores, 4, np.random.default_rng(0))
    assert doubts.of_brightness(samples) == []


# Roots that rise by 5 % a column cross the threshold of 16 as softly; a step from 3 to 5 is 51 % in logarithms.
def test_soft_borders_are_doubted_and_sharp_ones_are_not():
    soft = np.tile(np.exp(0.05 * np.arange(60)) ** 2, (40, 1))
    sharp = np.where(soft > 16, 25.0, 9.0)
    (told,) = doubts.of_borders(soft, 16)
    assert told.startswith("the borders of change are soft, 5 % of the threshold from pixel to pixel: ")
    assert doubts.of_borders(sharp, 16) == []
    assert doubts.of_borders(soft[:19], 16) == []  # 19 pairs
    soft[:, 30:] = np.nan  # where the masked part begins there is no border
    soft[:, :29] = 1
    assert doubts.of_borders(soft, 16) == []


# Below .9 % of the pixels a threshold says that few are above it: three columns of 316 are .95 %, of 340 .88 %.
@pytest.mark.parametrize(("columns", "told"), [(316, 1), (340, 0)])
def test_borders_are_looked_at_from_where_few_pixels_ends(columns, told):
    soft = np.tile(np.exp(0.05 * np.arange(columns)) ** 2, (40, 1))
    assert len(doubts.of_borders(soft, float(np.exp(0.05 * (columns - 3.5)) ** 2))) == told


def test_masked_pixels_have_no_part():
    before, after = noise(), noise(seed=1)
    valid = np.ones((40, 30), bool)
    valid[:20] = False
    after[:20, :, 2] = 1000
    assert doubts.of_spectra(scene_of(before, after, valid), np.random.default_rng(0)) == []
