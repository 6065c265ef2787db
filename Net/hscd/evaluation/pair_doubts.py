"""What makes two images doubtful as a pair: a shift between them, and that they have nothing in common."""

from __future__ import annotations

import numpy as np

from hscd.detectors.tools.samples import sampled_pairs
from hscd.scenes.registration import Registration
from hscd.scenes.scene import Scene
from hscd.system import naming
from hscd.system.errors import counted

# Pixels of misregistration that no detector takes up (at one pixel a fifth of the kappa of context regression is left,
# at half a pixel nearly all of it: res/registration.md); pixels by which a shift may differ from place to place, and
# blocks that tell this.
_PIXELS, _SPREAD, _SEVERAL = 0.75, 1.0, 4
# Pixels from which on the images are worth registering.
_REGISTER = 1 / 3
# Rank correlation between the dates below which images are of different places. The best band of real pairs has .71 to
# .95, of their parts of 32 pixels a side one in 1,862 has less than .2; of images of two cities 19 in 20 have less. How
# many pixels tell, and how many are looked at.
_ALIKE, _TELLING, _SAMPLE = 0.2, 1000, 5000


def worth_registering(found: Registration) -> bool:
    """Whether a shift between two images is so large that moving one back may help."""
    return found.far >= _REGISTER


def verdict_of_registration(found: Registration, registered: bool = False) -> str:
    """Whether a shift between two images matters, in a few words; it is what is left of images that were registered."""
    if not worth_registering(found):
        return "too small to need registration"
    return "what registration left" if registered else f"{naming.given('register', True)} may help"


def of_registration(found: Registration | None, remedy: str = "") -> list[str]:
    """Doubts about two images that are shifted against each other, or not everywhere by the same.

    Args:
        found: how far; None where that is not known.
        remedy: what the user can do about a shift, other than have the after image moved back.
    """
    if found is None:
        return []
    doubts, remedy = [], remedy or f"{naming.given('register', True)} moves the after image back"
    if found.far > _PIXELS:
        down, right = abs(found.down), abs(found.right)
        doubts.append(
            f"the images seem to be shifted by {down:.1f} rows and {right:.1f} columns against each other, which makes "
            f"edges look changed ({remedy})"
        )
    if found.blocks >= _SEVERAL and found.spread > _SPREAD:
        doubts.append(
            f"the shift between the images differs from place to place, by {found.spread:.1f} pixels (standard "
            f"deviation of {counted(found.blocks, 'block')})"
        )
    return doubts


def of_likeness(scene: Scene, rng: np.random.Generator) -> list[str]:
    """A doubt where no band of one date resembles that of the other, as in images of two places.

    Ranks are correlated, so that a few saturated pixels have no weight of their own.

    Args:
        scene: the pair, with valid pixels.
        rng: of the sample of pixels.
    """
    sample = sampled_pairs(scene, rng, _SAMPLE)
    # A border without data, which no file declares, is the least or the greatest value at both dates.
    ends = (sample == sample.min(axis=0)).all(axis=(1, 2)) | (sample == sample.max(axis=0)).all(axis=(1, 2))
    sample = sample[~ends]
    if len(sample) < _TELLING:
        return []
    alike = _rank_correlations(sample)
    if not len(alike) or alike.max() >= _ALIKE:
        return []
    return [
        f"the images have little in common (the rank correlation between the dates is {alike.max():.2f} at most, of "
        "all bands): check that they show the same place"
    ]


def _rank_correlations(sample: np.ndarray) -> np.ndarray:
    """Absolute rank correlation (Spearman) between the dates of (pixels, 2, bands), of the bands that vary at both."""
    ranks = np.apply_along_axis(_ranks, 0, sample)
    ranks -= ranks.mean(axis=0)
    lengths = np.linalg.norm(ranks, axis=0).prod(axis=0)
    varies = lengths > 0
    found: np.ndarray = np.abs(ranks.prod(axis=1).sum(axis=0)[varies]) / lengths[varies]
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of values (n,); equal ones have the mean of theirs. Without SciPy's statistics, half a second to import."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks
