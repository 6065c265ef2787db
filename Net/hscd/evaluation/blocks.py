"""Parts of an image to learn from and to judge by, drawn in blocks.

Neighbouring pixels are alike: one whose neighbours were learned from says little of how right a model is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Pixels of a drawn map that are in no part.
NO_PART = 0
# Blocks along the shorter side of an image where their size is not given.
_ALONG = 10


def block_side(shape: tuple[int, int]) -> int:
    """The side in pixels of blocks of which the shorter side of an image has ten."""
    return max(1, round(min(shape) / _ALONG))


def drawn_parts(
    shape: tuple[int, int],
    side: int,
    guard: int,
    shares: Sequence[float],
    rng: np.random.Generator,
    classes: np.ndarray | None = None,
) -> np.ndarray:
    """Divide an image into parts, block by block.

    Blocks are taken in random order, each by the part that lacks most of what it holds, so that each part gets its
    share of each class as nearly as whole blocks allow: iterative stratification.

    Args:
        shape: (rows, columns) of the image.
        side: of the square blocks, in pixels; those at the right and lower border may be smaller.
        guard: pixels that are as near to another part, diagonally too, are in no part; 0 for no such band.
        shares: of the parts in the pixels that count, any positive numbers; a part of share 0 gets nothing.
        rng: decides the order of the blocks.
        classes: (rows, columns) class of each pixel that counts, from 0; other pixels have negative ones. None where
            all pixels count alike.

    Returns:
        (rows, columns) uint8: the number of the part, from 1 in the order of the shares; 0 in none.

    References:
        Sechidis, Tsoumakas, Vlahavas (2011), "On the stratification of multi-label data", ECML PKDD.
        Roberts et al. (2017), "Cross-validation strategies for data with temporal, spatial, hierarchical, or
        phylogenetic structure", Ecography 40 (blocks).
    """
    counted = np.zeros(shape, np.int64) if classes is None else classes
    return drawn_together([counted], [side], guard, shares, rng)[0]


def drawn_together(
    classes: Sequence[np.ndarray], sides: Sequence[int], guard: int, shares: Sequence[float], rng: np.random.Generator
) -> list[np.ndarray]:
    """Divide several images into parts that have their shares of all of them together.

    Args:
        classes: of each image, as of `drawn_parts`.
        sides: of the blocks of each image.
        guard: as of `drawn_parts`.
        shares: as of `drawn_parts`.
        rng: as of `drawn_parts`.

    Returns:
        Of each image what `drawn_parts` returns of one.
    """
    blocks = [_blocks(of.shape, side) for of, side in zip(classes, sides, strict=True)]
    part_of = _allotted(_counts(blocks, classes), shares, rng)
    ends = np.cumsum([of[-1, -1] + 1 for of in blocks])
    drawn = [chosen[of] for chosen, of in zip(np.split(part_of, ends[:-1]), blocks, strict=True)]
    return [_guarded(parts, guard) for parts in drawn] if guard else drawn


def _allotted(counts: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """The part of each block, from 1, of the (blocks, classes) share of each class's pixels that lies in it."""
    wanted = np.asarray(shares, float) / np.sum(shares)
    part_of = np.empty(len(counts), np.uint8)
    # What each part still lacks of each class.
    lacks = np.repeat(wanted[:, None], counts.shape[1], axis=1)
    for block in rng.permutation(len(counts)):
        if counts[block].any():
            # Not a product of BLAS, which rounds otherwise on another processor, and other blocks would be drawn there.
            # Together more than 0: the largest is never that of a part of share 0.
            gain = (lacks * counts[block]).sum(axis=1)
            chosen = int(rng.choice(np.flatnonzero(gain == gain.max())))
        else:
            chosen = int(rng.choice(len(wanted), p=wanted))
        lacks[chosen] -= counts[block]
        part_of[block] = chosen + 1
    return part_of


def _blocks(shape: tuple[int, int], side: int) -> np.ndarray:
    """(rows, columns) numbers of the blocks, in row-major order."""
    rows, columns = (np.arange(length) // side for length in shape)
    return rows[:, None] * (columns[-1] + 1) + columns


def _counts(blocks: Sequence[np.ndarray], classes: Sequence[np.ndarray]) -> np.ndarray:
    """(blocks of all images, classes) share of each class's pixels that lies in each block."""
    kinds = max(1, *(int(of.max()) + 1 for of in classes))

    def count(blocks: np.ndarray, classes: np.ndarray) -> np.ndarray:
        number, known = int(blocks[-1, -1]) + 1, classes >= 0
        of_known = blocks[known] * kinds + classes[known]
        return np.bincount(of_known, minlength=number * kinds).reshape(number, kinds)

    counts = np.concatenate([count(*of) for of in zip(blocks, classes, strict=True)])
    return counts / np.maximum(counts.sum(axis=0), 1)


def _guarded(parts: np.ndarray, guard: int) -> np.ndarray:
    from scipy.ndimage import maximum_filter, minimum_filter

    # At the border the window is reflected into the image, and sees no pixel that is not in it.
    lowest, highest = (filtered(parts, 2 * guard + 1) for filtered in (minimum_filter, maximum_filter))
    return np.where(lowest == highest, parts, np.uint8(NO_PART))
