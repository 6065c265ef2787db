"""What the images say of neighbours, against loops over pixels; and what that changes in a map."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.corrections import GUIDES, guidance, potts, superpixel, tools
from hscd.corrections.guidance import Guidance, neighbours
from hscd.labels import CHANGED, UNKNOWN
from hscd.scores import classify

STEPS = (0, 1), (1, 0), (1, 1), (1, -1)
EVERY = slice(0, 9), slice(0, 12)


@pytest.fixture
def images():
    """Two dates of four bands, one of which is constant; a pixel in ten is masked."""
    rng = np.random.default_rng(0)
    found = rng.gamma(2, 1, (2, 9, 12, 4)).astype(np.float32) * [1, 100, 0.01, 1]
    found[..., 3] = 7
    valid = rng.random((9, 12)) > 0.1
    found[:, ~valid] = 1e6
    return found, valid


def guided(images):
    (before, after), valid = images
    return Guidance(scene_of(before, after, valid), np.where(valid, CHANGED, UNKNOWN).astype(np.uint8))


def scaled(images):
    """(2, rows, columns, bands): of deviation one by band and date after clipping; 0 of the constant one."""
    pixels, valid = images
    found = np.zeros(pixels.shape)
    for date, band in itertools.product((0, 1), range(3)):
        values = pixels[date, ..., band]
        values = np.clip(values, *np.quantile(values[valid], [0.02, 0.98]))
        found[date, ..., band] = (values - values[valid].mean()) / values[valid].std()
    return found


def test_how_alike_neighbours_are_pixel_by_pixel(images, monkeypatch):
    monkeypatch.setattr(guidance, "_READ_BYTES", 2 * 12 * 2 * 4 * 4)  # bands of two rows
    spectra, valid = scaled(images), images[1]
    square = {}  # of neighbours to the right and below, and across
    for (row, column), (down, right) in itertools.product(np.ndindex(9, 12), STEPS):
        if row + down < 9 and 0 <= column + right < 12 and valid[row, column] and valid[row + down, column + right]:
            difference = spectra[:, row, column] - spectra[:, row + down, column + right]
            square[down, right, row, column] = np.square(difference).sum() / 8
    mean = np.mean([value for (down, right, *_), value in square.items() if down + right == 1 and right >= 0])
    found = guided(images).alike(STEPS)(EVERY)
    for (down, right, row, column), value in square.items():
        here, _ = neighbours((9, 12), down, right)
        got = found[STEPS.index((down, right))][row - here[0].start, column - here[1].start]
        assert got == pytest.approx(np.exp(-value / (2 * mean)), rel=1e-4)


def test_components_are_those_of_both_dates_together(images):
    spectra, valid = scaled(images), images[1]
    both = np.concatenate(spectra, axis=2)[valid]
    values = np.sort(np.linalg.eigvalsh(both.T @ both / len(both)))[::-1]
    found = guided(images).channels()(EVERY)
    assert found.shape == (9, 12, 3)
    assert not found[~valid].any()
    inner = found[valid]
    # Variances of the components in units of the first one; a few values are clipped at three deviations.
    np.testing.assert_allclose(np.square(inner).mean(axis=0), values[:3] / values[0], rtol=0.05)
    np.testing.assert_array_equal(guided(images).channels()((slice(2, 5), slice(3, 12))), found[2:5, 3:])


def test_constant_images_are_alike_everywhere():
    same = np.full((4, 5, 2), 3, np.float32)
    found = Guidance(scene_of(same, same), np.zeros((4, 5), np.uint8))
    assert all((of == 1).all() for of in found.alike(STEPS)((slice(0, 4), slice(0, 5))))
    assert not found.channels()((slice(0, 4), slice(0, 5))).any()


def field_and_shed():
    """Scores of 1.5 around and 2.4 in a shed of 3 × 3 pixels, cut at 2, which is as bright in the second image only."""
    scores, after = np.full((15, 15), 1.5, np.float32), np.zeros((15, 15, 2), np.float32)
    scores[:, :4] = 0.05  # so far away that all others are near the threshold
    scores[6:9, 6:9], after[6:9, 6:9] = 2.4, 5
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 15, 15, 2)).astype(np.float32)
    return scores, scene_of(noise[0], after + noise[1])


# The shed is lost among neighbours whose scores are much like its own, and kept where the images show its walls.
def test_walls_that_the_images_show_keep_a_small_change():
    scores, scene = field_and_shed()
    labels = classify(scores, 2).reshape(scores.shape)
    kept = {guide: (potts.potts(labels, scores, 3, 3, guide, scene) == CHANGED).sum() for guide in GUIDES}
    assert kept == {"scores": 0, "images": 9, "both": 9}


# A pixel far above the threshold, in images that show nothing there.
def test_what_stands_out_in_scores_alone_is_lost_by_images_alone():
    scores, scene = field_and_shed()
    scores[3, 12] = 60
    labels = classify(scores, 2).reshape(scores.shape)
    kept = {guide: potts.potts(labels, scores, 3, 6, guide, scene)[3, 12] == CHANGED for guide in GUIDES}
    assert kept == {"scores": True, "images": False, "both": True}


def test_superpixels_are_of_what_guides_them(monkeypatch):
    scores, scene = field_and_shed()
    labels, seen = classify(scores, 2).reshape(scores.shape), {}
    for guide in GUIDES:

        def slic(channels, *_, guide=guide, **__):
            seen[guide] = channels
            return np.zeros(channels.shape[:2], int)

        monkeypatch.setattr("skimage.segmentation.slic", slic)
        superpixel.superpixel(labels, scores, 3, 9, guide, scene)
    images = Guidance(scene, labels).channels()((slice(0, 15), slice(0, 15)))
    evidence = tools.evidence(labels, scores)[:, :, None]
    np.testing.assert_array_equal(seen["scores"], evidence)
    np.testing.assert_array_equal(seen["images"], images)
    np.testing.assert_array_equal(seen["both"], np.concatenate([images, evidence], axis=2))


def test_far_spectra_are_no_farther_than_three_deviations():
    images = np.random.default_rng(0).normal(0, 1, (2, 20, 20, 2)).astype(np.float32)
    images[:, 0, :16] += 100  # one pixel in 25: five deviations
    found = Guidance(scene_of(*images), np.zeros((20, 20), np.uint8)).channels()((slice(0, 20), slice(0, 20)))
    assert (np.abs(found[0, :16, 0]) == 3).all()
    assert np.abs(found[1:]).max() < 2


def test_a_guide_needs_images_unless_all_is_masked():
    labels, scores = np.zeros((3, 3), np.uint8), np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match="guided by both needs the scene"):
        potts.potts(labels, scores, 3)
    assert (potts.potts(labels + UNKNOWN, scores * np.nan, 3) == UNKNOWN).all()


def blocks_read(scene, block):
    """A scene whose images say how often each block of (rows, columns) is read: that, and the counts by date."""
    counts = [
        np.zeros([-(-side // of) for side, of in zip(scene.truth.shape, block, strict=True)], int) for _ in (0, 1)
    ]

    def counted(image, count):
        def window(rows, columns):
            count[
                tuple(slice(p.start // of, -(-p.stop // of)) for p, of in zip((rows, columns), block, strict=True))
            ] += 1
            return image.window(rows, columns)

        return replace(image, window=window, block=block)

    before, after = (counted(image, count) for image, count in zip((scene.before, scene.after), counts, strict=True))
    return replace(scene, before=before, after=after), counts


# Tiles of 8 × 8 pixels with a halo overlap, and a band of rows would hold 5, but blocks are not cut.
@pytest.mark.parametrize("block", [(4, 4), (8, 8), (3, 22), (1, 22)])
def test_a_block_is_read_once_for_the_scaling_and_once_for_what_is_said(block, monkeypatch):
    images = np.random.default_rng(0).gamma(2, 1, (2, 30, 22, 3)).astype(np.float32)
    labels = np.zeros((30, 22), np.uint8)
    whole = Guidance(scene_of(*images), labels)
    alike, channels = whole.alike(STEPS), whole.channels()
    monkeypatch.setattr(tools, "SIDE", 8)
    monkeypatch.setattr(guidance, "_BAND_ROWS", 5)
    monkeypatch.setattr(guidance, "_SCALED_BYTES", 2 * 8 * 24)  # two rows of a block of eight columns
    for of in ("alike", "channels"):
        scene, counts = blocks_read(scene_of(*images), block)
        asked = Guidance(scene, labels)
        tell, expected, halo = (asked.alike(STEPS), alike, 3) if of == "alike" else (asked.channels(), channels, 0)
        for around, _ in tools.tiles(labels.shape, halo):
            for found, wanted in zip(tell(around), expected(around), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        assert all((count == 2).all() for count in counts), of


def test_parts_may_be_asked_for_in_any_order(images, monkeypatch):
    ordered = guided(images).alike(STEPS)
    monkeypatch.setattr(guidance, "_BAND_ROWS", 2)
    jumping = guided(images).alike(STEPS)
    parts = [(slice(top, top + 3), slice(2, 9)) for top in range(7)]
    for number in (5, 0, 6, 3, 4, 1, 1):
        for found, wanted in zip(jumping(parts[number]), ordered(parts[number]), strict=True):
            np.testing.assert_array_equal(found, wanted)
