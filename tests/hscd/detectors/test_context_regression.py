"""Context regression: its parts against slow oracles; what it finds, and what must not move it."""

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.metrics import average_precision_score

import hscd.scenes.scene
from detector_scenes import changed_pair, scene_of, smooth_noise, uneven_pair
from hscd.detectors import context_regression, scored
from hscd.detectors.context_regression import ContextRegression, _principal
from hscd.detectors.tools import context_features, robust_regression
from hscd.system.errors import InputError
from hscd.thresholds.floor import floor


def scores_of(scene, seed=0):
    detector = ContextRegression()
    return scored(detector, scene, np.random.default_rng(seed)).scores, detector


def sample(pixels=3000, degrees=3, extra=4, seed=0):
    """Features and components of two dates; one pixel in ten changed."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((degrees, pixels))
    second = rng.standard_normal((degrees, degrees)) @ first + 0.1 * rng.standard_normal((degrees, pixels))
    changed = rng.random(pixels) < 0.1
    second[:, changed] += 5
    components = [first.astype(np.float32), second.astype(np.float32)]
    features = [np.vstack([of, rng.standard_normal((extra, pixels))]).astype(np.float32) for of in components]
    return features, components, changed


# --- the regression --------------------------------------------------------------------------------------------------


def slow_light(residual, predicted, weights, dark, variance):
    """Two steps of EM, pixel by pixel: the gain given the residual is normal, its moments those of Bayes' rule."""
    noise = np.atleast_2d(np.cov(residual, aweights=weights, ddof=0))
    shares = weights / weights.sum()
    for _ in range(2):
        left, more, second, upper = np.empty_like(residual), 0, 0, 0
        for pixel, share in enumerate(shares):
            lit = predicted[:, pixel] - dark
            spread = 1 / (1 / variance + lit @ np.linalg.solve(noise, lit))
            gain = spread * lit @ np.linalg.solve(noise, residual[:, pixel])
            left[:, pixel] = residual[:, pixel] - gain * lit
            more += share * spread * np.outer(lit, lit)
            second += share * (gain**2 + spread)
            upper += share * ((gain**2 + spread) * predicted[:, pixel] - gain * residual[:, pixel])
        noise = np.atleast_2d(np.cov(left, aweights=weights, ddof=0)) + more
        dark, variance = upper / second, second
    return dark, variance, noise


def slow_direction(features, ridge, predicting, target, weights, light):
    """Elliptical distances by the textbook: weighted ridge regression in double precision, pixel by pixel."""
    features, predicting, target = (array.astype(np.float64) for array in (features, predicting, target))

    def moments(of, to):
        return np.cov(np.vstack([of, to]), aweights=weights, ddof=0)

    mean = [np.average(of, axis=1, weights=weights)[:, None] for of in (features, predicting, target)]
    both = moments(features, target)
    count = len(features)
    regular = both[:count, :count] + np.diag(ridge * np.diag(both[:count, :count]))
    slopes = np.linalg.inv(regular) @ both[:count, count:]
    residual = (target - mean[2]) - slopes.T @ (features - mean[0])
    predicted = target - residual
    dark, variance, noise = slow_light(residual, predicted, weights, *light)
    degrees = len(target)
    noise = 0.95 * noise + 0.05 * np.trace(noise) / degrees * np.eye(degrees)
    spread = np.atleast_2d(np.cov(predicting, aweights=weights, ddof=0))
    found = []
    for pixel in range(target.shape[1]):
        error = residual[:, pixel]
        off = (predicting - mean[1])[:, pixel]
        depth = off @ np.linalg.solve(spread, off)
        lit = predicted[:, pixel] - dark
        square = error @ np.linalg.solve(noise + variance * np.outer(lit, lit), error)
        found.append(square * (60 + degrees) / (60 + depth))
    return np.array(found)


def test_a_direction_equals_the_textbook():
    features, components, _ = sample()
    weights = np.random.default_rng(1).uniform(0.01, 1, 3000)
    light = robust_regression.Light(np.full(3, -4.0), 0.01)
    ridge = np.geomspace(1e-3, 0.1, len(features[0]))
    way, _ = robust_regression._direction(features[0], ridge, components[0], components[1], weights, light)
    found = way.statistic(features[0], components[0], components[1])
    expected = slow_direction(features[0], ridge, components[0], components[1], weights, light)
    # Residuals are a tenth of the components, and squared: rounding of 1e-7 of the components is 2e-5 of the square,
    # and more of a small one.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_light_is_found_that_was_put_in():
    # A gain of standard deviation 0.2 around the spectrum without light (-5, 2), and noise of 0.1.
    rng = np.random.default_rng(0)
    predicted = rng.normal(0, 1, (2, 20_000)).astype(np.float32)
    dark = np.array([-5.0, 2.0])
    residual = rng.normal(0, 0.2, 20_000) * (predicted - dark[:, None]) + rng.normal(0, 0.1, (2, 20_000))
    light = robust_regression.Light(np.array([-2.0, 1.0]), 0.0025)
    for _ in range(100):
        light, noise = robust_regression._lit(residual.astype(np.float32), predicted, np.ones(20_000), light)
    # Each round starts from all of the residuals' covariance as noise, so a fifth of the variance stays there.
    assert light.variance == pytest.approx(0.04, rel=0.25)
    np.testing.assert_allclose(light.dark, dark, rtol=0.2)
    assert np.linalg.eigvalsh(noise)[0] < 0.015


def test_the_statistic_has_the_median_of_its_distribution_and_finds_what_changed():
    features, components, changed = sample()
    root = robust_regression.fitted(features, 3, components, [np.full(3, -4.0)] * 2).root(features, components)
    # Both means are scaled to the median m of χ²(3) before their roots are averaged.
    assert np.median(np.square(root)) == pytest.approx(chi2.median(3), rel=0.02)
    assert root[changed].min() > root[~changed].max()


def test_geometric_and_harmonic_means():
    # Of 2 and 8: √16 = 4, 2·16/10 = 3.2; of 0 and 0: 0 and 0.
    geometric, harmonic = robust_regression._means(np.float32([2, 0]), np.float32([8, 0]))
    np.testing.assert_allclose(geometric, [4, 0])
    np.testing.assert_allclose(harmonic, [3.2, 0], rtol=1e-6)


def test_a_typical_residual():
    # Normal noise of deviations 1, 7 and 30 in the components of either date: the median of its size is .6745 of it.
    # The logarithms have a mean of log .6745 + (log 1 + log 7 + log 30)/3 = 1.3885.
    rng = np.random.default_rng(0)
    spectra, noise = rng.standard_normal((2, 2, 3, 20_000))
    target = [np.diag([1, 7, 30]) @ (spectra[date] + noise[date]) for date in range(2)]
    features, components = [np.float32(of) for of in spectra[::-1]], [np.float32(of) for of in target]
    both = robust_regression.fitted(features, 3, components, [np.full(3, -500.0)] * 2)
    # The median of 20,000 is exact to 1 %.
    typical = robust_regression.typical_residual(both, features, components)
    assert typical == pytest.approx(1.3885, abs=0.02)
    # Few large residuals do not move it by more than they are: 5 % of the ranks are 7 % of the median.
    components[1][:, :1000] += 3000
    assert typical < robust_regression.typical_residual(both, features, components) < typical + 0.05


# --- the light around a pixel ----------------------------------------------------------------------------------------


def a_field(shape=(40, 50), seed=0):
    """Components of two dates, that of the second 1.5 times as far from no light, (-2, 1), (0, 1)."""
    before = np.random.default_rng(seed).uniform(1, 3, (2, *shape))
    dark = [np.array([-2.0, 1.0]), np.array([0.0, 1.0])]
    after = dark[1][:, None, None] + 1.5 * (before - dark[0][:, None, None])
    inner = context_features.Window(slice(0, shape[0]), slice(0, shape[1]))
    return context_features.Field(np.stack([before, after]).astype(np.float32), None, inner), dark


def test_the_light_is_the_gain_of_what_is_above_darkness():
    field, dark = a_field()
    light = field.with_light(dark).light
    # 1.5 − 1 there, 1/1.5 − 1 back. The logarithm is exact to 1e-6, from float32 sums of squares.
    np.testing.assert_allclose(light[0], 0.5, atol=1e-5)
    np.testing.assert_allclose(light[1], -1 / 3, atol=1e-5)


def test_one_bright_pixel_is_not_the_light():
    field, dark = a_field()
    field.components[1, :, 20, 25] += 30
    # The weight of a pixel in its own surroundings is 1/(2π · 13²) = .001 of what is some 20 times as long as others.
    assert 0.5 < field.with_light(dark).light[0, 20, 25] < 0.55


def test_light_that_says_nothing_is_bounded():
    field, dark = a_field()
    black = field.components * 0 + np.stack(dark)[:, :, None, None].astype(np.float32)
    black[1] += 1e-3
    light = field._replace(components=black).with_light(dark).light
    np.testing.assert_allclose(light, np.expm1([[[2]], [[-2]]]) + np.zeros(light.shape), rtol=1e-6)
    np.testing.assert_array_equal(field._replace(components=0 * black).with_light([of * 0 for of in dark]).light, 0)


# Rows 3 to 6 with two more around them, as far as there are any, and all columns.
def test_what_is_near_some_rows():
    field, dark = a_field((8, 6))
    lit = field.with_light(dark)._replace(valid=np.arange(48).reshape(8, 6) > 20)
    part = lit.near(slice(3, 7), slice(0, 6), 2)
    assert part.inner == (slice(2, 6), slice(0, 6))
    for of, whole in ((part.components, lit.components), (part.valid, lit.valid), (part.light, lit.light)):
        np.testing.assert_array_equal(of, whole[..., 1:8, :])


def test_features_of_light():
    rng = np.random.default_rng(0)
    components, context, light = (rng.random(shape, np.float32) for shape in ((2, 3, 5), (2, 3, 9, 5), (2, 5)))
    waves, phases = rng.random((4, 2), np.float32), rng.random(4, np.float32)
    of = context_features.Sample(components, context, light)
    even, lit = (context_regression._features(waves, phases, some) for some in (of._replace(light=None), of))
    for date in range(2):
        # Two components, 18 derivatives, then the light times both components and by itself, then four waves.
        np.testing.assert_array_equal(np.delete(lit[date], [20, 21, 22], axis=0), even[date])
        np.testing.assert_array_equal(lit[date][20:22], components[date, :2] * light[date])
        np.testing.assert_array_equal(lit[date][22], light[date])
    assert context_regression._linear(2, of) == 23


def test_uneven_light_is_no_change():
    before, after, changed = uneven_pair()
    scores, detector = scores_of(scene_of(before, after))
    assert (detector.uneven_light, detector.halo) == (True, 36)
    # If the light around a pixel is not known, the average precision is .79, and 8 % of what did not change is above
    # the threshold.
    assert average_precision_score(changed.ravel(), scores.ravel()) > 0.95
    cut = floor(scores, scale=detector.scale, degrees=detector.degrees)
    assert (scores[~changed] > cut.value).mean() < 0.01
    # The same detector, of another pair, and of one image twice.
    detector.fit(scene_of(*changed_pair(2, 80, 90)[:2]), np.random.default_rng(0))
    assert (detector.uneven_light, detector.halo) == (False, 15)
    detector.fit(scene_of(before, after), np.random.default_rng(0))
    detector.fit(scene_of(before, before), np.random.default_rng(0))
    assert (detector.uneven_light, detector.halo) == (False, 15)


# Fields of 60 × 60 pixels, six of 16 of which have another crop: bands are .5 to 1.3 times what they were. If the light
# were corrected, two thirds of the pairs of a changed and an unchanged pixel were in order, in place of .95.
def test_other_crops_on_large_fields_are_no_light(monkeypatch):
    rng = np.random.default_rng(0)
    mixing = rng.normal(0, 1, (4, 6))
    soil = np.kron(rng.normal(0, 0.7, (4, 4, 4)), np.ones((60, 60, 1)))
    before = 10 + (smooth_noise(rng, 240, 240, 4) + soil) @ mixing
    changed = np.kron(rng.permutation(16).reshape(4, 4) < 6, np.ones((60, 60))) > 0
    after = np.where(changed[..., None], np.linspace(0.5, 1.3, 6), 1) * before
    noise = rng.normal(0, 0.2, (2, *before.shape))
    pair = (before + noise[0]).astype(np.float32), (after + noise[1]).astype(np.float32)
    detector = ContextRegression()

    def decided(*_):
        raise InterruptedError

    monkeypatch.setattr(context_regression, "_fits", decided)
    with pytest.raises(InterruptedError):
        detector.fit(scene_of(*pair), rng)
    assert not detector.uneven_light


def test_windows_and_squares_of_uneven_light(monkeypatch):
    before, after, changed = uneven_pair()
    valid = np.ones(changed.shape, bool)
    valid[30:, 60:] = False
    whole, _ = scores_of(scene_of(before, after, valid))
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 7 * 90 * 2 * 6 * 4)
    np.testing.assert_array_equal(scores_of(scene_of(before, after, valid))[0], whole)
    for name, value in {"_WHOLE": 100, "_SQUARES": 4, "_SIDE": 32}.items():
        monkeypatch.setattr(context_features, name, value)
    scores, detector = scores_of(scene_of(before, after, valid))
    assert detector.uneven_light
    assert average_precision_score(changed[valid], scores[valid]) > 0.9


# All pixels are drawn; in squares, each with enough around it, they have the light that they have in the whole scene.
def test_the_light_of_squares_is_that_of_the_scene(monkeypatch):
    samples = []

    def seen(sample, dark):
        samples.append(np.sort(sample.light))
        return False

    monkeypatch.setattr(context_regression, "_uneven", seen)
    for whole in (2**20, 100):
        monkeypatch.setattr(context_features, "_WHOLE", whole)
        scores_of(scene_of(*uneven_pair()[:2]))
    assert samples[0].shape == (2, 80 * 90)
    np.testing.assert_array_equal(*samples)


def test_few_pixels_do_not_tell_whether_the_light_is_uneven():
    # Three components have 30 linear features: 1,200 pixels are needed, 34 × 34 are fewer.
    before, after, _ = uneven_pair()
    assert not scores_of(scene_of(before[:34, :34], after[:34, :34]))[1].uneven_light
    assert scores_of(scene_of(before[:35, :35], after[:35, :35]))[1].uneven_light


def test_one_light_is_the_geometric_mean_of_two():
    field, dark = a_field()
    rows, columns = field.components.shape[2:]
    light = field.with_light(dark).light.reshape(2, -1)
    context = np.ones((2, 2, 9, rows * columns), np.float32)
    found = context_regression._under_one_light(
        context_features.Sample(field.components.reshape(2, 2, -1), context, light), dark
    )
    # The light of the later date is 1.5 times that of the earlier one: both are under √1.5 times the earlier one.
    above = found.components - np.stack(dark)[..., None]
    np.testing.assert_allclose(above[0], above[1], rtol=1e-4)
    expected = np.sqrt(1.5) * (field.components[0].reshape(2, -1) - dark[0][:, None])
    np.testing.assert_allclose(above[0], expected, rtol=1e-4)
    np.testing.assert_allclose(found.context[0], np.sqrt(1.5), rtol=1e-4)
    np.testing.assert_allclose(found.context[1], 1 / np.sqrt(1.5), rtol=1e-4)
    assert found.light is None


# --- the detector ----------------------------------------------------------------------------------------------------


def test_change_is_found_under_other_light():
    before, after, changed = changed_pair()
    scores, detector = scores_of(scene_of(before, after))
    assert average_precision_score(changed.ravel(), scores.ravel()) > 0.95
    assert (detector.scale, detector.degrees) == ("root", 5)
    cut = floor(scores, scale=detector.scale, degrees=detector.degrees)
    assert cut.value >= chi2.isf(1e-5, 5)
    assert ((scores > cut.value) == changed).mean() > 0.98


def test_light_that_differs_from_place_to_place_is_no_change():
    rng = np.random.default_rng(3)
    before = np.exp(0.5 * smooth_noise(rng, 60, 60, 6, length=1.5)) + 0.2
    # Light of ± 30 %, in stripes of 15 pixels; what changes gets the spectra of another place.
    after = before * (1 + 0.3 * np.sin(np.arange(60) * 2 * np.pi / 15)[:, None, None]) + 0.5
    changed = np.zeros((60, 60), bool)
    changed[20:26, 30:36] = True
    after[changed] = np.roll(after, (20, 20), (0, 1))[changed]
    noise = rng.normal(0, 0.02, (2, *before.shape))
    pair = (before + noise[0]).astype(np.float32), (after + noise[1]).astype(np.float32)
    scores, detector = scores_of(scene_of(*pair))
    assert average_precision_score(changed.ravel(), scores.ravel()) > 0.95
    # Without an estimate of the light, 8 % of what did not change is above the threshold.
    cut = floor(scores, scale=detector.scale, degrees=detector.degrees)
    assert (scores[~changed] > cut.value).mean() < 0.01


def test_rare_spectra_that_did_not_change_are_no_change():
    # Eight spots of 3 × 3 pixels, six deviations from what is usual. With one ridge for all features, Fourier features
    # carry a part of the linear rule, which does not hold out there: 78 % of these pixels are above the threshold.
    rng = np.random.default_rng(0)
    planes = smooth_noise(rng, 100, 100, 4)
    rare = np.zeros((100, 100), bool)
    for _ in range(8):
        row, column = rng.integers(0, 97, 2)
        spot = np.s_[row : row + 3, column : column + 3]
        rare[spot] = True
        planes[spot] += 6 * rng.choice([-1, 1], 4)
    before = planes @ rng.normal(0, 1, (4, 6))
    after = before * rng.uniform(0.7, 1.4, 6) + rng.normal(0, 2, 6)
    noise = rng.normal(0, 0.05, (2, *before.shape))
    scores, _ = scores_of(scene_of((before + noise[0]).astype(np.float32), (after + noise[1]).astype(np.float32)))
    assert np.count_nonzero(rare) > 60
    assert not (scores[rare] > chi2.isf(1e-6, 5)).any()


def test_a_shift_below_a_pixel_is_no_change():
    from scipy import ndimage

    rng = np.random.default_rng(0)
    before = smooth_noise(rng, 60, 60, 6, length=1.5)
    after = ndimage.shift(before, (0.45, -0.4, 0), order=3, mode="nearest")
    after[20:26, 30:36] += 0.4 * rng.choice([-1, 1], 6)
    noise = rng.normal(0, 0.02, (2, *before.shape))
    pair = (before + noise[0]).astype(np.float32), (after + noise[1]).astype(np.float32)
    changed = np.zeros((60, 60), bool)
    changed[20:26, 30:36] = True
    scores, _ = scores_of(scene_of(*pair))
    plain = np.square(pair[0] - pair[1]).sum(axis=2)
    ours, shifted = (average_precision_score(changed.ravel(), of.ravel()) for of in (scores, plain))
    assert ours > 0.9
    assert shifted < 0.8  # the shift alone makes as much difference


@pytest.mark.parametrize("kind", ["empty", "constant", "repeated", "huge"])
def test_bands_that_say_nothing_do_no_harm(kind):
    before, after, changed = changed_pair()
    extra = {
        "empty": np.zeros((*changed.shape, 3)),
        "constant": np.full((*changed.shape, 3), 1234.567),
        "repeated": before[:, :, :3],
        "huge": before[:, :, :3] * 1e20,
    }[kind].astype(np.float32)
    other = after[:, :, :3] * {"repeated": 1, "huge": np.float32(1e20)}[kind] if kind in ("repeated", "huge") else extra
    scores, _ = scores_of(scene_of(np.dstack([before, extra]), np.dstack([after, other])))
    assert np.isfinite(scores).all()
    assert average_precision_score(changed.ravel(), scores.ravel()) > 0.9


def test_hundreds_of_correlated_bands():
    before, after, changed = changed_pair(bands=400)
    scores, _ = scores_of(scene_of(before, after))
    assert average_precision_score(changed.ravel(), scores.ravel()) > 0.95


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_few_bands(bands):
    before, after, _ = changed_pair(bands=bands)
    scores, detector = scores_of(scene_of(before, after))
    assert np.isfinite(scores).all()
    assert detector.degrees == min(bands, 3) or bands == 4


# A component brings ten linear features, itself and nine derivatives, of 40 pixels each: 4,096 pixels allow ten.
@pytest.mark.parametrize(("pixels", "components"), [(4799, 11), (4800, 12), (9000, 12), (4096, 10), (500, 3)])
def test_few_pixels_allow_few_components(pixels, components):
    sample = np.random.default_rng(0).normal(size=(pixels, 2, 20)).astype(np.float32)
    assert len(_principal(sample).vectors) == components


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 2), (40, 1)])
def test_scenes_smaller_than_the_halo(shape):
    before, after = np.random.default_rng(0).uniform(0, 1, (2, *shape, 3)).astype(np.float32)
    scores, _ = scores_of(scene_of(before, after))
    assert np.isfinite(scores).all()


def test_the_same_image_twice_has_no_score_and_constant_images_have_finite_ones():
    before, _, _ = changed_pair()
    assert not scores_of(scene_of(before, before))[0].any()
    assert np.isfinite(scores_of(scene_of(np.ones_like(before), 2 * np.ones_like(before)))[0]).all()


# A large scene is fitted to squares of it; they lie where they lie whatever the windows are.
def test_squares_of_a_large_scene(monkeypatch):
    monkeypatch.setattr(context_features, "_WHOLE", 100)
    monkeypatch.setattr(context_features, "_SQUARES", 3)
    monkeypatch.setattr(context_features, "_SIDE", 16)
    before, after, changed = changed_pair()
    valid = np.ones(changed.shape, bool)
    valid[30:, 40:] = False
    scores, _ = scores_of(scene_of(before, after, valid))
    assert average_precision_score(changed[valid], scores[valid]) > 0.8
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 7 * 50 * 2 * 6 * 4)
    np.testing.assert_array_equal(scores_of(scene_of(before, after, valid))[0], scores)


# Only four of 60 rows hold data, and of 15 bands of rows one is drawn.
@pytest.mark.parametrize("whole", [100, 2**20], ids=["squares", "one field"])
def test_what_is_drawn_of_a_scene_holds_data(monkeypatch, whole):
    for name, value in {"_WHOLE": whole, "_SQUARES": 1, "_SIDE": 4, "_SOME": 1}.items():
        monkeypatch.setattr(context_features, name, value)
    before, after, changed = changed_pair()
    valid = np.zeros(changed.shape, bool)
    valid[:4] = True
    for seed in range(4):
        scorer = ContextRegression().fit(scene_of(before, after, valid), np.random.default_rng(seed))
        assert callable(scorer)


def test_no_valid_pixel_is_an_input_error():
    before, after, changed = changed_pair()
    with pytest.raises(InputError, match="no pixel is valid"):
        scores_of(scene_of(before, after, np.zeros(changed.shape, bool)))
