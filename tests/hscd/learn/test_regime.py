"""How pairs are drawn and altered for an epoch, and how a learning rate falls."""

import math

import numpy as np
import pytest

from hscd.learn import regime
from hscd.learn.regime import SCHEDULES, Augmentation, Regime, band_statistics

LABELS = np.array([0] * 7 + [1] * 30, np.uint8)
TRAIN = np.random.default_rng(0).permutation(37)[:33]


def test_by_default_every_pair_comes_once_in_the_order_of_the_generator():
    order = Regime().order(TRAIN, LABELS, np.random.default_rng(3))
    np.testing.assert_array_equal(order, np.random.default_rng(3).permutation(TRAIN))
    assert not Regime().alters
    assert Regime().chosen == {}


@pytest.mark.parametrize("turned", [False, True])
def test_balanced_every_batch_has_half_of_each_class(turned):
    labels = 1 - LABELS if turned else LABELS
    order = Regime("balanced").order(TRAIN, labels, np.random.default_rng(3))
    assert len(order) == len(TRAIN)
    assert set(order) <= set(TRAIN)
    for start in range(0, 32, 8):
        assert np.count_nonzero(labels[order[start : start + 8]] == 0) == 4
    # No pair comes twice more often than another one of its class; of the larger class none does.
    for label in (0, 1):
        members = TRAIN[labels[TRAIN] == label]
        times = [np.count_nonzero(order == member) for member in members]
        assert max(times) - min(times) <= 1
    again, other = (Regime("balanced").order(TRAIN, labels, np.random.default_rng(seed)) for seed in (3, 4))
    np.testing.assert_array_equal(order, again)
    assert (order != other).any()


def altered(pairs, cuts=(), seed=1, epoch=0, deviation=None, **chosen):
    bands = pairs.shape[2]
    deviation = np.ones(bands, np.float32) if deviation is None else deviation
    alter = Augmentation(Regime(**chosen), seed, epoch, np.full(bands, 9, np.float32), deviation)
    return np.concatenate([alter(part.copy()) for part in np.split(pairs, cuts)])


ONES = np.ones((500, 2, 6), np.float32)


def test_a_gain_is_one_factor_a_spectrum_each_date_its_own():
    found = altered(ONES, augment_gain=0.2)
    np.testing.assert_array_equal(found, found[:, :, :1].repeat(6, axis=2))
    assert found.min() >= 0.8
    assert found.max() <= 1.2
    # Of 1000 uniform numbers in [.8, 1.2] the ends come nearer than .01, but for a chance of .975^1000.
    assert found.min() < 0.81 < 1.19 < found.max()
    assert (found[:, 0] != found[:, 1]).all()


def test_noise_is_in_standard_deviations_of_the_band():
    deviation = np.array([1, 2, 3, 4, 0, 0.5], np.float32)
    found = altered(ONES, augment_noise=0.1, deviation=deviation) - 1
    # 1000 values a band: their deviation is off by 1 / sqrt(2000), 2 %.
    np.testing.assert_allclose(found.std(axis=(0, 1)), 0.1 * deviation, rtol=0.1, atol=1e-7)


def test_missing_bands_are_the_mean_in_both_dates():
    found = altered(ONES, augment_bands=0.3)
    missing = found == 9
    np.testing.assert_array_equal(missing[:, 0], missing[:, 1])
    assert (found[~missing] == 1).all()
    assert abs(missing[:, 0].mean() - 0.3) < 0.05  # 3000 draws: 5 standard deviations are .042


def test_draws_go_by_seed_and_epoch_and_not_by_how_pairs_are_cut(monkeypatch):
    chosen = {"augment_gain": 0.2, "augment_noise": 0.1, "augment_bands": 0.3}
    whole = altered(ONES, **chosen)
    np.testing.assert_array_equal(altered(ONES, [1, 90, 411], **chosen), whole)
    monkeypatch.setattr(regime, "_CHUNK", 7)
    np.testing.assert_array_equal(altered(ONES, [64, 128], **chosen), whole)
    assert (altered(ONES, seed=2, **chosen) != whole).any()
    assert (altered(ONES, epoch=1, **chosen) != whole).any()


def test_band_statistics_are_those_of_both_dates(monkeypatch):
    pairs = np.random.default_rng(0).random((90, 2, 3)).astype(np.float32)
    mean, deviation = band_statistics(lambda numbers: pairs[numbers], np.arange(0, 90, 2))
    both = pairs[::2].reshape(-1, 3)
    np.testing.assert_allclose(mean, both.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviation, both.std(axis=0), rtol=1e-5)
    monkeypatch.setattr(regime, "_SAMPLE", 10)
    # 45 pairs, of which every fifth is taken: 45 / 10, rounded up.
    mean, _ = band_statistics(lambda numbers: pairs[numbers], np.arange(0, 90, 2))
    np.testing.assert_allclose(mean, pairs[::10].mean(axis=(0, 1)), rtol=1e-6)


def test_rates_fall_by_their_formulas():
    assert {SCHEDULES["constant"](epoch, 10) for epoch in (0, 5, 9)} == {1.0}
    # Half of 1 + cos: 1 at the start, a half in the middle, nearly 0 at last.
    assert [SCHEDULES["cosine"](epoch, 10) for epoch in (0, 5)] == pytest.approx([1, 0.5])
    assert SCHEDULES["cosine"](9, 10) == pytest.approx((1 + math.cos(0.9 * math.pi)) / 2)
    assert [SCHEDULES["exponential"](epoch, 10) for epoch in (0, 1, 2)] == pytest.approx([1, 0.95, 0.9025])


def test_parameters_hold_what_is_not_the_default():
    chosen = Regime("balanced", augment_noise=0.1)
    assert chosen.chosen == {"sampling": "balanced", "augment_noise": 0.1}
    assert Regime.of({"lr": 0.1, **chosen.chosen}) == chosen
