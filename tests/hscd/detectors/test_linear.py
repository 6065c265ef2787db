"""CVA, SID, MAD, IR-MAD, SFA, ISFA and PCA with CVA: the papers' formulas, written plainly, and hard bands."""

import numpy as np
import pytest
from scipy import linalg
from scipy.stats import chi2
from sklearn.metrics import average_precision_score

from detector_scenes import changed_pair, scene_of
from hscd.detectors import DETECTORS, scored
from hscd.detectors.pca_cva import PcaCva
from hscd.detectors.sid import divergence
from hscd.system.errors import InputError

FITTED = ("cva", "pca_cva", "mad", "irmad", "sfa", "isfa")
# Values of size 10 in float32 are rounded by 1e-6 of their deviation; some tens of them are added up.
ROUNDING = {"rtol": 1e-3, "atol": 1e-3}


def scores_of(name, before, after, valid=None):
    detector = DETECTORS[name]()
    return scored(detector, scene_of(before, after, valid), np.random.default_rng(0)).scores, detector


def flat(image):
    return image.reshape(-1, image.shape[2]).astype(np.float64)


def slow_cva(x, y):
    found = np.zeros(len(x))
    for band in range(x.shape[1]):
        zx, zy = ((v - v.mean()) / v.std() for v in (x[:, band], y[:, band]))
        found += (zx - zy) ** 2
    return np.sqrt(found)


def weighted(x, w):
    mean = (w[:, None] * x).sum(0) / w.sum()
    return mean, x - mean


def slow_mad(x, y, w):
    """Σxy Σyy⁻¹ Σyx a = ρ² Σxx a, and b likewise; Σ (aᵀx − bᵀy)² / (2 (1 − ρ)), each variate of unit variance."""
    (_, x), (_, y) = weighted(x, w), weighted(y, w)
    sxx, syy, sxy = ((w[:, None] * p).T @ q / w.sum() for p, q in ((x, x), (y, y), (x, y)))
    squares, a = linalg.eigh(sxy @ np.linalg.inv(syy) @ sxy.T, sxx)
    found = np.zeros(len(x))
    for rho, vector in zip(np.sqrt(squares), a.T, strict=True):
        other = np.linalg.inv(syy) @ sxy.T @ vector
        other /= np.sqrt(other @ syy @ other)
        found += (x @ vector - y @ other) ** 2 / (2 * (1 - rho))
    return found, np.sqrt(squares)[::-1]


def slow_sfa(x, y, w):
    """A w = λ B w of bands standardised by date; Σ (wᵀ(x − y))² / λ."""
    (_, x), (_, y) = weighted(x, w), weighted(y, w)
    x, y = (v / np.sqrt((w[:, None] * v**2).sum(0) / w.sum()) for v in (x, y))
    a = (w[:, None] * (x - y)).T @ (x - y) / w.sum()
    b = ((w[:, None] * x).T @ x + (w[:, None] * y).T @ y) / 2 / w.sum()
    values, vectors = linalg.eigh(a, b)
    return ((x - y) @ vectors) ** 2 @ (1 / values), values


def reweighted(slow, x, y, rounds):
    w = np.ones(len(x))
    found, strengths = slow(x, y, w)
    for _ in range(rounds):
        w = chi2.sf(found, x.shape[1])
        before = strengths
        found, strengths = slow(x, y, w)
        if np.abs(strengths - before).max() < 1e-4:
            break
    return found


@pytest.mark.parametrize(
    ("name", "slow"),
    [
        ("cva", slow_cva),
        ("mad", lambda x, y: reweighted(slow_mad, x, y, 0)),
        ("irmad", lambda x, y: reweighted(slow_mad, x, y, 50)),
        ("sfa", lambda x, y: reweighted(slow_sfa, x, y, 0)),
        ("isfa", lambda x, y: reweighted(slow_sfa, x, y, 50)),
    ],
)
def test_scores_equal_the_paper(name, slow):
    before, after, _ = changed_pair(bands=4)
    found, _ = scores_of(name, before, after)
    np.testing.assert_allclose(found.ravel(), slow(flat(before), flat(after)), **ROUNDING)


@pytest.mark.parametrize("name", FITTED)
def test_change_is_found_under_other_light(name):
    before, after, changed = changed_pair(bands=4)
    found, _ = scores_of(name, before, after)
    assert average_precision_score(changed.ravel(), found.ravel()) > 0.9


# An affine change of the bands of a date changes neither canonical variates nor standardised bands.
@pytest.mark.parametrize("name", FITTED)
def test_gain_and_offset_of_a_band_do_not_count(name):
    before, after, _ = changed_pair(bands=4)
    gain, offset = np.float32([0.5, 2, 3, 0.25]), np.float32([1, 0, -7, 2])
    found, same = (scores_of(name, before, image)[0] for image in (after, after * gain + offset))
    np.testing.assert_allclose(found, same, rtol=1e-2, atol=1e-3)


# With the weights of IR-MAD and ISFA variances shrink where nothing changed: their statistics are larger.
@pytest.mark.parametrize("name", ["mad", "sfa"])
def test_unchanged_pixels_have_a_chi_square_distribution(name):
    rng = np.random.default_rng(0)
    before = rng.normal(10, 1, (60, 60, 3))
    after = before + rng.normal(0, 0.5, before.shape)
    scores, detector = scores_of(name, before.astype(np.float32), after.astype(np.float32))
    assert (detector.degrees, detector.scale) == (3, "root")
    # Of 3,600 values the standard error of the share below the median is 0.8 %.
    assert (scores < chi2.median(3)).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("kind", ["empty", "constant", "repeated"])
def test_bands_that_say_nothing_do_no_harm(name, kind):
    before, after, _ = changed_pair(bands=4)
    shape = before.shape[:2]
    extra = {
        "empty": [np.zeros((*shape, 2), np.float32)] * 2,
        "constant": [np.full((*shape, 2), 1234.567, np.float32)] * 2,
        "repeated": [before[:, :, 1:3], after[:, :, 1:3]],
    }[kind]
    found, detector = scores_of(name, np.dstack([before, extra[0]]), np.dstack([after, extra[1]]))
    assert np.isfinite(found).all()
    plain, other = scores_of(name, before, after)
    assert detector.degrees == other.degrees
    if name in ("mad", "irmad") or kind != "repeated":  # they do not see it at all
        np.testing.assert_allclose(found, plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", [*FITTED, "sid", "pca_kmeans"])
def test_hundreds_of_correlated_bands(name):
    before, after, changed = changed_pair(bands=400)
    found, _ = scores_of(name, before, after)
    assert np.isfinite(found).all()
    if name in ("cva", "pca_cva", "pca_kmeans"):
        assert average_precision_score(changed.ravel(), found.ravel()) > 0.9


@pytest.mark.parametrize("name", [*FITTED, "pca_kmeans"])
def test_images_that_are_the_same_constant_or_tiny(name):
    before, _, _ = changed_pair(bands=4)
    assert not scores_of(name, before, before)[0].any()
    for image in (np.ones_like(before), before[:1, :1], before[:1, :2]):
        assert np.isfinite(scores_of(name, image, image)[0]).all()


@pytest.mark.parametrize("name", [*FITTED, "pca_kmeans"])
def test_no_valid_pixel_is_an_input_error(name):
    before, after, changed = changed_pair()
    with pytest.raises(InputError, match="no pixel is valid"):
        scores_of(name, before, after, np.zeros(changed.shape, bool))


# --- SID -------------------------------------------------------------------------------------------------------------


def test_divergence():
    # p = (1/4, 3/4), q = (1/2, 1/2): −1/4 · ln(1/2) + 1/4 · ln(3/2) = 1/4 · ln 3. Brightness does not count.
    pairs = np.float32([[[1, 3], [1, 1]], [[10, 30], [0.5, 0.5]], [[2, 2], [7, 7]]])
    np.testing.assert_allclose(divergence(pairs), [np.log(3) / 4, np.log(3) / 4, 0], atol=1e-7)


def test_divergence_of_values_that_are_not_positive_is_finite():
    pairs = np.float32([[[0, 1], [1, 0]], [[-5, 1], [1, 1]], [[0, 0], [0, 0]], [[0, 0], [1, 3]]])
    found = divergence(pairs)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    # A spectrum without positive values is (1/2, 1/2); the other as above.
    np.testing.assert_allclose(found[2:], [0, np.log(3) / 4], atol=1e-7)


# --- PCA and CVA -----------------------------------------------------------------------------------------------------


def test_all_components_have_the_length_of_all_bands():
    before, after, _ = changed_pair(bands=4)
    detector = PcaCva(pca_variance=1.0)
    found = scored(detector, scene_of(before, after), np.random.default_rng(0)).scores
    np.testing.assert_allclose(found, scores_of("cva", before, after)[0], rtol=1e-4)


def test_noise_in_components_of_little_variance_does_not_count():
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 1, (50, 50, 1))
    # Two bands of one signal, with noise of 1 %: 99.99 % of the variance is in the first component.
    before, after = (10 + signal + rng.normal(0, 0.01, (50, 50, 2)) for _ in range(2))
    all_bands, component = (
        scored(detector, scene_of(before.astype(np.float32), after.astype(np.float32)), rng).scores
        for detector in (DETECTORS["cva"](), PcaCva(0.99))
    )
    # Of two independent differences of one size, half of the square is left.
    assert np.square(component).mean() == pytest.approx(np.square(all_bands).mean() / 2, rel=0.1)
