"""The least score over shifts of up to a pixel, by any detector. The distance of equal spectra is .0003."""

import numpy as np
import pytest

import hscd.scenes.scene
from detector_scenes import scene_of
from hscd.detectors import DETECTORS, scored
from hscd.detectors.shifts import BOTH_WAYS, NONE, ONE_WAY, tolerant


def images(shape=(9, 8, 3), seed=0):
    return np.random.default_rng(seed).uniform(0.1, 1, (2, *shape)).astype(np.float32)


def scores_of(tolerance, before, after, valid=None, name="ED"):
    detector = tolerant(DETECTORS[name](), tolerance)
    return scored(detector, scene_of(before, after, valid), np.random.default_rng(0)).scores


def slow(before, after, valid):
    """The least distance of each pixel of the first image to the second one around its place."""
    rows, columns, _ = before.shape
    found = np.full((rows, columns), np.nan)
    for row, column in np.argwhere(valid):
        around = [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        inside = [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < columns and valid[r, c]]
        found[row, column] = min(np.linalg.norm(before[row, column] - after[place]) for place in inside)
    return found


def test_the_least_distance_around_a_pixel_counts_and_pixels_without_data_do_not():
    before, after = images()
    valid = np.random.default_rng(1).random(before.shape[:2]) > 0.3
    after[~valid] = before[~valid] = 0  # else a masked pixel could be the nearest one by what it holds
    before[0, 0] = after[0, 0] = 0.01  # which is most like a masked one
    valid[0, 0] = True
    one, other = slow(before, after, valid), slow(after, before, valid)
    np.testing.assert_allclose(scores_of(ONE_WAY, before, after, valid), one, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(scores_of(BOTH_WAYS, before, after, valid), np.maximum(one, other), rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(
        scores_of(NONE, before, after, valid), scored(DETECTORS["ED"](), scene_of(before, after, valid), None).scores
    )


@pytest.mark.parametrize(("tolerance", "seen"), [(ONE_WAY, 0), (BOTH_WAYS, 1)])
def test_a_pixel_that_appears_is_seen_from_its_own_date_only(tolerance, seen):
    before = np.zeros((5, 5, 1), np.float32)
    after = before.copy()
    after[2, 2] = 1
    # The dark before pixel has eight dark ones around its place; the bright after pixel has no like.
    expected = np.zeros((5, 5))
    expected[2, 2] = seen
    np.testing.assert_allclose(scores_of(tolerance, before, after), expected, atol=1e-3)


@pytest.mark.parametrize("tolerance", [ONE_WAY, BOTH_WAYS])
@pytest.mark.parametrize("name", ["ED", "mad", "pca_kmeans"])
def test_scores_do_not_depend_on_the_windows_or_on_what_masked_pixels_hold(tolerance, name, monkeypatch):
    before, after = images((21, 17, 3))
    valid = np.ones((21, 17), bool)
    valid[[0, 10], [0, 3]] = False
    for mask in (valid, None):
        whole = scores_of(tolerance, before, after, mask, name)
        with monkeypatch.context() as patched:
            for pixels in (5, 3 * 17):
                patched.setattr(hscd.scenes.scene, "_WINDOW_BYTES", pixels * 2 * 3 * 4)
                np.testing.assert_array_equal(scores_of(tolerance, before, after, mask, name), whole)
        if mask is not None:
            other = after.copy()
            other[~mask] = 1e6
            np.testing.assert_array_equal(scores_of(tolerance, before, other, mask, name), whole)


def test_a_halo_of_the_detector_reaches_as_far_at_every_shift():
    """A detector that looks at the sum of differences in the 3 × 3 pixels around: by hand of whole arrays."""

    class Sums:
        name, unit, halo, scale, degrees = "sums", "scores", 1, "linear", 3.0

        def fit(self, scene, rng):
            def score(block):
                difference = np.abs(block.pairs[:, :, 0, 0] - block.pairs[:, :, 1, 0])
                padded = np.pad(np.where(True if block.valid is None else block.valid, difference, 0), 1)
                views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
                return views.sum(axis=(2, 3))[block.inner]

            return score

    before, after = images((8, 9, 1), seed=4)
    wide = np.pad(after[:, :, 0], 1, constant_values=np.nan)
    maps = []
    for down, right in np.ndindex(3, 3):
        moved = wide[down : down + 8, right : right + 9]
        known = np.isfinite(moved)
        difference = np.pad(np.where(known, np.abs(before[:, :, 0] - moved), 0), 1)
        sums = sum(difference[r : r + 8, c : c + 9] for r, c in np.ndindex(3, 3))
        maps.append(np.where(known, sums, np.inf))
    detector = tolerant(Sums(), ONE_WAY)
    found = scored(detector, scene_of(before, after), None)
    np.testing.assert_allclose(found.scores, np.min(maps, axis=0), rtol=1e-5)
    assert (found.source, found.degrees, detector.halo, tolerant(Sums(), BOTH_WAYS).halo) == ("sums", 3.0, 2, 3)


# Windows of 4 × 4 pixels, the last ones cut by the border; for both ways they grow by four, not by one.
@pytest.mark.parametrize("tolerance", [NONE, ONE_WAY, BOTH_WAYS])
def test_a_detector_of_tiles_gets_whole_ones(tolerance, monkeypatch):
    class Tiled:
        name, unit, halo, scale, degrees, step = "tiled", "scores", 0, "linear", None, 4

        def fit(self, scene, rng):
            inside = DETECTORS["ED"]().fit(scene, rng)

            def score(block):
                for part, start, length in zip(block.inner, block.start, scene.truth.shape, strict=True):
                    assert (start + part.start) % 4 == 0
                    assert (start + part.stop) % 4 == 0 or start + part.stop == length
                return inside(block).reshape(block.pairs.shape[:2])[block.inner]

            return score

    before, after = images((11, 14, 2), seed=5)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 1)
    found = scored(tolerant(Tiled(), tolerance), scene_of(before, after), None).scores
    np.testing.assert_array_equal(found, scores_of(tolerance, before, after))
