"""Thresholds between two classes, against slow oracles and scikit-image."""

import numpy as np
import pytest
from skimage.filters import threshold_li, threshold_triangle
from sklearn.mixture import GaussianMixture

from hscd.thresholds import looks
from hscd.thresholds.gmm import gmm
from hscd.thresholds.kittler_illingworth import kittler_illingworth
from hscd.thresholds.kmeans import kmeans
from hscd.thresholds.li import li
from hscd.thresholds.triangle import triangle


def two_normal(seed=0, size=4000, share=0.2, apart=6.0, width=1.5):
    """Scores around 5 of deviation 1, and a share of others, wider, apart from them."""
    rng = np.random.default_rng(seed)
    changed = int(size * share)
    return np.concatenate([rng.normal(5, 1, size - changed), rng.normal(5 + apart, width, changed)])


def slow_kittler(values):
    """Smallest J over thresholds between all values."""
    values = np.sort(np.minimum(values, np.quantile(values, 0.9995)))
    best, at = np.inf, None
    for cut in np.linspace(values[0], values[-1], 600)[5:-5]:
        low, high = values[values <= cut], values[values > cut]
        if len(low) < 2 or len(high) < 2:
            continue
        found = 1 + 2 * sum(
            len(part) / len(values) * (np.log(part.std()) - np.log(len(part) / len(values))) for part in (low, high)
        )
        if found < best:
            best, at = found, cut
    return at


@pytest.mark.parametrize("seed", range(3))
def test_kittler_illingworth(seed):
    values = two_normal(seed)
    # Bins of 1/512 of a range of 15 or so; the criterion is flat between two of them.
    assert kittler_illingworth(values).value == pytest.approx(slow_kittler(values), abs=0.15)


def test_kittler_illingworth_looks_at_the_scale():
    values = two_normal()
    assert kittler_illingworth(values**2, scale="root").value == pytest.approx(kittler_illingworth(values).value ** 2)


# Two values a and b are their own means: half way between, (2 + 10) / 2.
def test_kmeans_by_hand():
    assert kmeans(np.array([2.0] * 6 + [10.0] * 4)).value == 6


@pytest.mark.parametrize("seed", range(3))
def test_kmeans_is_half_way_between_the_means_of_its_classes(seed):
    values = two_normal(seed)
    cut = kmeans(values).value
    clipped = looks.clipped(values)
    assert cut == pytest.approx((clipped[clipped <= cut].mean() + clipped[clipped > cut].mean()) / 2, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_gmm_equals_scikit_learn(seed):
    values = two_normal(seed)
    mixture = GaussianMixture(2, random_state=0, tol=1e-8, max_iter=1000).fit(values[:, None])
    upper = int(mixture.means_.argmax())
    grid = np.linspace(mixture.means_.min(), mixture.means_.max(), 10_000)
    chance = mixture.predict_proba(grid[:, None])[:, upper]
    # The histogram is clipped at 99.95 % and has bins of 0.03.
    assert gmm(values).value == pytest.approx(grid[np.argmax(chance > 0.5)], abs=0.1)


# Of two normal distributions of one width and of equal shares, both are as likely half way: (0 + 8) / 2.
def test_gmm_half_way():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 20_000), rng.normal(8, 1, 20_000)])
    assert gmm(values).value == pytest.approx(4, abs=0.1)


def test_li_is_that_of_scikit_image():
    assert li(two_normal()).value == threshold_li(looks.clipped(two_normal()))


def test_triangle_is_that_of_scikit_image_if_the_upper_tail_is_longer_and_takes_the_upper_one_if_not():
    values = np.random.default_rng(0).exponential(1, 4000) + 1
    assert triangle(values).value == pytest.approx(threshold_triangle(looks.clipped(values), 256))
    assert triangle(10 - values).value > 9 - 0.1  # the peak is at 9


@pytest.mark.parametrize("threshold", [kittler_illingworth, kmeans, gmm, li, triangle])
def test_an_outlier_does_not_move_them(threshold):
    values = two_normal()
    # One of 4,001 values is 0.025 %, above the 99.95 % quantile.
    assert threshold(np.append(values, 1e6)).value == pytest.approx(threshold(values).value, abs=0.3)
