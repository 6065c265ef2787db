"""Change vectors, sectors of their angles, and mixtures of them, by hand."""

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.detectors.tools.scaling import BandScaling
from hscd.kinds import KINDS, clusters, kinds_of, vectors
from hscd.kinds.compressed_cva import compressed_cva, sector_limits
from hscd.kinds.vectors import Changes
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN

RNG = np.random.default_rng(0)


def scaling(mean, factor):
    mean, factor = np.array(mean, float), np.array(factor, float)
    return BandScaling(np.full(mean.shape, -np.inf), np.full(mean.shape, np.inf), mean, factor)


def changes_of(differences, noise=None):
    """Changes whose vectors are the given ones, (pixels, bands)."""
    differences = np.asarray(differences, np.float32)
    pairs = np.stack([np.zeros_like(differences), differences], axis=1)
    bands = differences.shape[1]
    unit = scaling(np.zeros(bands), np.ones(bands))
    return Changes(pairs, (unit, unit), np.eye(bands) if noise is None else noise)


def test_no_kinds_without_a_look_at_the_scene():
    assert KINDS["none"] is None
    assert kinds_of(None, None, "none", None) is None


# Before 4 is (4 − 2) · 1 = 2 deviations, after 9 is (9 − 3) · 0.5 = 3: the change is 1 along the first band; in the
# second (1 − 1) · 2 = 0 and (5 − 1) · 1 = 4: 4. Along (1, 1) that is 5.
def test_change_vectors_by_hand():
    changes = Changes(np.zeros((1, 2, 2), np.float32), (scaling([2, 1], [1, 2]), scaling([3, 1], [0.5, 1])), np.eye(2))
    pairs = np.array([[[4, 1], [9, 5]]], np.float32)
    np.testing.assert_allclose(changes.along(np.array([[1, 0], [0, 1], [1, 1]]), pairs), [[1], [4], [5]])
    np.testing.assert_allclose(vectors.differences(pairs, changes.scalings), [[1, 4]])


def test_vectors_are_measured_by_the_unchanged_pixels():
    before, after = RNG.normal(10, 3, (20, 30, 2)), RNG.normal(50, 7, (20, 30, 2))
    labels = np.full((20, 30), UNCHANGED)
    labels[:4], labels[4:6] = CHANGED, UNKNOWN
    after[:4] += 100
    before[4:6] = 1e6
    found = vectors.sampled(scene_of(before, after), labels, np.random.default_rng(0))
    np.testing.assert_array_equal(found.pairs[:, 0], before[:4].reshape(-1, 2).astype(np.float32))
    np.testing.assert_allclose(found.scalings[0].mean, before[6:].mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(found.scalings[1].factor, 1 / after[6:].std(axis=(0, 1)), rtol=1e-5)
    standard = [(image[6:] - image[6:].mean(axis=(0, 1))) / image[6:].std(axis=(0, 1)) for image in (before, after)]
    expected = np.cov((standard[1] - standard[0]).reshape(-1, 2).T, bias=True)
    np.testing.assert_allclose(found.noise, expected, rtol=1e-4, atol=1e-5)


# Of 90 unchanged pixels no covariance of noise is told: then all 600 known pixels are looked at.
def test_where_hardly_a_pixel_is_unchanged_all_are_looked_at():
    before = RNG.normal(10, 3, (20, 30, 2))
    labels = np.full((20, 30), CHANGED)
    labels[:3] = UNCHANGED
    found = vectors.sampled(scene_of(before, before), labels, np.random.default_rng(0))
    np.testing.assert_allclose(found.scalings[0].mean, before.mean(axis=(0, 1)), rtol=1e-5)


# Modes at 30°, 90° and 150° with 300, 100 and 200 pixels, of a deviation of 3°: between them nothing is seen from 45°
# on to 75°, and from 105° to 135°.
def angles_of_three_modes():
    return np.radians(np.concatenate([RNG.normal(mode, 3, size) for mode, size in ((30, 300), (90, 100), (150, 200))]))


def test_sectors_meet_where_the_histogram_is_lowest():
    first, second = np.degrees(sector_limits(angles_of_three_modes(), 8))
    assert 45 < first < 75
    assert 105 < second < 135


def test_of_fewer_sectors_those_of_the_most_prominent_modes_are_kept():
    (limit,) = np.degrees(sector_limits(angles_of_three_modes(), 2))
    assert 45 < limit < 135
    assert len(sector_limits(angles_of_three_modes(), 1)) == 0


def test_modes_at_both_ends_are_modes_and_ripples_are_none():
    angles = np.radians(np.concatenate([np.abs(RNG.normal(0, 2, 300)), 180 - np.abs(RNG.normal(0, 2, 300))]))
    assert len(sector_limits(angles, 8)) == 1
    assert len(sector_limits(RNG.normal(1.5, 0.2, 3000), 8)) == 0


# Against (1, 1)/√2, the vector (1, 0) has 45°, (−1, −1) and nearly (−3, −2) 180°, (5, 5) 0°; the modes are at 45°
# and 180°.
def test_angles_to_the_uniform_reference():
    many = np.repeat([[1.0, 0.0], [-1.0, -1.0]], 50, axis=0) * RNG.uniform(1, 3, (100, 1))
    told = compressed_cva(changes_of(many), RNG, kinds_reference="uniform")
    assert told.kinds == 2
    pairs = changes_of([[0, 2], [-3, -3], [5, 5], [-3, -2]]).pairs
    assert told.number(pairs).tolist() == [0, 1, 0, 1]


# Most of the change is along (3, −4)/5: against the uniform reference both kinds have cos θ = ∓0.14, that is angles of
# 98° and 82°, against their own direction 0° and 180°.
def test_the_principal_reference_is_the_direction_of_most_change():
    many = np.repeat([[3.0, -4.0], [-3.0, 4.0]], [60, 40], axis=0) * RNG.uniform(1, 3, (100, 1))
    many += RNG.normal(0, 0.3, many.shape)
    assert compressed_cva(changes_of(many), RNG, kinds_reference="principal").kinds == 2
    assert compressed_cva(changes_of(many), RNG, kinds_count=3).doubts == ("the angles of change have 2 modes, not 3",)


# (10, 3) and (10, −3) are one direction within 17°: of their second moments (100, 9) the first band is the leading one,
# though they vary along the second alone.
def test_what_all_changes_share_is_part_of_the_reference():
    many = np.repeat([[10.0, 3.0], [10.0, -3.0]], 50, axis=0) * RNG.uniform(1, 3, (100, 1))
    assert compressed_cva(changes_of(many), RNG).kinds == 1


# Of the noise (100, 1) along both bands, the first is drawn in by 1 / √(100 + 10), the second by 1 / √(1 + 10): kinds
# that differ by 12 along the second band are 3.6 apart and 0.3 wide, whatever lies along the first.
def test_clusters_are_told_apart_where_unchanged_pixels_hardly_vary():
    many = np.column_stack([RNG.normal(0, 10, 400), np.repeat([6.0, -6.0], [250, 150]) + RNG.normal(0, 1, 400)])
    told = clusters.clusters(changes_of(many, np.diag([100.0, 1.0])), np.random.default_rng(0))
    assert told.kinds == 2
    numbers = told.number(changes_of(many).pairs)
    assert len(set(numbers[:250])) == len(set(numbers[250:])) == 1
    directions = clusters._directions(changes_of(many, np.diag([100.0, 1.0])), changes_of(many).pairs)
    lengths = np.sqrt((directions**2).sum(axis=0))  # the components are orthogonal
    np.testing.assert_allclose(lengths, [110**-0.5, 11**-0.5], rtol=1e-6)


def test_the_likeliest_kind_is_that_of_the_mixture():
    many = np.concatenate([RNG.normal(mean, (1, 4, 0.5), (size, 3)) for mean, size in ((0, 600), (2, 60), (-6, 300))])
    changes = changes_of(many)
    directions = clusters._directions(changes, changes.pairs)
    model = clusters._mixture(changes.along(directions, changes.pairs).T, 3, seed=5)
    told = clusters.clusters(changes, FixedSeed(5), kinds_count=3)
    np.testing.assert_array_equal(told.number(changes.pairs), model.predict(changes.along(directions, changes.pairs).T))


class FixedSeed:
    """Draws one number whatever is asked for."""

    def __init__(self, seed):
        self.seed = seed

    def integers(self, high):
        return self.seed


# Two kinds of 6 pixels each: of twelve different vectors, no more than 12 // 5 kinds can be told.
def test_a_kind_has_pixels_enough():
    many = np.repeat([[0.0, 0.0], [50.0, 50.0]], 6, axis=0) + RNG.normal(0, 1, (12, 2))
    told = clusters.clusters(changes_of(many), np.random.default_rng(0), kinds_count=6)
    assert told.kinds <= 2
    assert told.doubts == (f"found {told.kinds} kinds of change, not 6",)


# BIC and twice the entropy: pixels half of one kind and half of the other cost 2 · n · ln 2 more.
def test_the_criterion_by_hand():
    class Mixture:
        def predict_proba(self, values):
            return np.array([[0.5, 0.5]] * 10 + [[1.0, 0.0]] * 5)

        def bic(self, values):
            return 100.0

    assert clusters._criterion(Mixture(), None) == pytest.approx(100 + 2 * 10 * np.log(2))
