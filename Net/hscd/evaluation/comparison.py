"""Whether the difference of two methods is larger than chance, and how far maps agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hscd.evaluation.blocks import block_side
from hscd.evaluation.confusion import Confusion, confusion
from hscd.labels import CHANGED, UNCHANGED

# The least side of the blocks that are drawn together, as neighbouring pixels are alike.
_LEAST_SIDE = 8
_DRAWS = 4000
# Of the intervals.
CONFIDENCE = 0.95
# Pairs of images that a signed-rank test needs to find anything: of five, even the clearest result has p = 2 / 2^5.
LEAST_PAIRS = 6

# Of a method, by pair: (seeds, blocks, 4) counts of true and false positives, true and false negatives in each block.
Counts = Sequence[np.ndarray]


@dataclass(frozen=True)
class Difference:
    """Mean kappa of one method less that of another.

    `low` and `high` bound it at 95 % by the bootstrap, `p` is that of no difference; `rank_p` is that of the
    signed-rank test over pairs, None where these are too few. Both p are corrected for the number of comparisons.
    """

    mean: float
    low: float
    high: float
    p: float
    rank_p: float | None


def block_counts(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Counts of a map in square blocks of a scene.

    Args:
        labels: (rows, columns), 0 changed, 1 unchanged; other values are left out.
        truth: (rows, columns) labels; the same.

    Returns:
        (blocks, 4) true positives, false positives, true negatives, false negatives; the blocks depend on the shape
        alone, so that those of two maps of a scene go together.
    """
    side = max(_LEAST_SIDE, block_side(truth.shape))
    rows, columns = (np.arange(0, length, side) for length in truth.shape)

    def count(predicted: int, actual: int) -> np.ndarray:
        found = (labels == predicted) & (truth == actual)
        return np.add.reduceat(np.add.reduceat(found, rows, axis=0, dtype=np.int64), columns, axis=1).ravel()

    kinds = (CHANGED, CHANGED), (CHANGED, UNCHANGED), (UNCHANGED, UNCHANGED), (UNCHANGED, CHANGED)
    return np.stack([count(predicted, actual) for predicted, actual in kinds], axis=1)


def of_counts(counts: np.ndarray) -> Confusion:
    """The figures of counts (…, 4), as of `block_counts`, as arrays (…,)."""
    tp, fp, tn, fn = np.moveaxis(counts.astype(float), -1, 0)
    return Confusion(true_positives=tp, true_negatives=tn, false_positives=fp, false_negatives=fn)


def differences(best: str, methods: Mapping[str, Counts], seed: int = 0) -> dict[str, Difference]:
    """How much less the mean kappa of each other method is than that of the best one.

    Blocks of pixels are drawn with replacement in each pair of images, the same ones for all methods, and seeds are
    drawn too; kappa is averaged over seeds, then over pairs. That says what other ground of the same scenes would
    give. What other scenes would give is for the signed-rank test over pairs.

    Args:
        best: name of the method to compare with.
        methods: counts by pair of each method, all of the same pairs, by name.
        seed: of the draws.

    References:
        Künsch (1989), "The jackknife and the bootstrap for general stationary observations", Ann. Statist. 17(3), for
        blocks; Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7, for the test.
    """
    drawn = {name: _drawn(counts, seed) for name, counts in methods.items()}
    means = {name: [float(np.mean(_of_all(counts))) for counts in of_pairs] for name, of_pairs in methods.items()}
    tail = 100 * (1 - CONFIDENCE) / 2
    found = {}
    for name in methods:
        if name == best:
            continue
        by_draw = drawn[name] - drawn[best]
        by_draw = by_draw[np.isfinite(by_draw)]  # a draw may hold one class alone
        by_pair = np.subtract(means[name], means[best])
        if not by_draw.size:
            continue
        low, high = np.percentile(by_draw, (tail, 100 - tail))
        smaller = min(np.count_nonzero(by_draw >= 0), np.count_nonzero(by_draw <= 0))
        p = min(1.0, 2 * (smaller + 1) / (by_draw.size + 1))
        found[name] = Difference(float(np.mean(by_pair)), float(low), float(high), p, _signed_rank(by_pair))
    return _corrected(found)


def _corrected(found: Mapping[str, Difference]) -> dict[str, Difference]:
    p = holm([of.p for of in found.values()])
    ranks = [of.rank_p for of in found.values() if of.rank_p is not None]
    rank_p = holm(ranks) if ranks else [None] * len(found)
    return {
        name: replace(of, p=one, rank_p=other) for (name, of), one, other in zip(found.items(), p, rank_p, strict=True)
    }


def _of_all(counts: np.ndarray) -> np.ndarray:
    """Kappa of each seed, of all blocks together."""
    return np.asarray(of_counts(counts.sum(axis=1)).kappa)


def _drawn(of_pairs: Counts, seed: int) -> np.ndarray:
    """Mean kappa of each draw, (draws,); the same blocks for any method, as the seed and the shapes are the same."""
    rng = np.random.default_rng(seed)
    found = []
    for counts in of_pairs:
        seeds, blocks, _ = counts.shape
        times = rng.multinomial(blocks, np.full(blocks, 1 / blocks), _DRAWS)
        weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), _DRAWS) / seeds
        drawn = np.einsum("db,sbk->dsk", times.astype(float), counts.astype(float), optimize=True)
        by_seed = of_counts(drawn).kappa
        found.append((by_seed * weights).sum(axis=1))
    return np.mean(found, axis=0)


def _signed_rank(by_pair: np.ndarray) -> float | None:
    """p of Wilcoxon's signed-rank test that differences lie around zero; None for too few."""
    if len(by_pair) < LEAST_PAIRS:
        return None
    if not by_pair.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(by_pair).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """p values, corrected for their number (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    order = np.argsort(values)
    found = np.empty(len(values))
    found[order] = np.maximum.accumulate(np.asarray(values, float)[order] * np.arange(len(values), 0, -1))
    return [float(value) for value in np.minimum(found, 1)]


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa between two maps of labels; 1 where they are the same, be it of one class."""
    found = confusion(first, second).agreement
    return found if np.isfinite(found) else float(np.array_equal(first, second))
