"""What makes two images doubtful as a pair: a shift between them, and that they have nothing in common."""

from __future__ import annotations

import numpy as np

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
# Correlation between the dates below which images are of different places: of real pairs the best band has .7 to .95,
# parts of 30 pixels a side .27 and more; images of two cities have .05 to .16. And how many pixels tell;
# windows, and pixels of each, that are looked at.
_ALIKE, _TELLING, _WINDOWS, _SAMPLE = 0.2, 1000, 4, 5000


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

    Args:
        scene: the pair.
        rng: draws the windows that are looked at, and pixels of them.
    """
    samples = []
    for number in rng.permutation(len(scene.windows))[:_WINDOWS]:
        block = scene.block(scene.windows[number])
        pairs = block.pairs.reshape(-1, *block.pairs.shape[2:])
        pairs = pairs if block.valid is None else pairs[block.valid.ravel()]
        samples.append(rng.permutation(pairs)[:_SAMPLE])
    sample = np.concatenate(samples).astype(float)
    sample -= sample.mean(axis=0) if len(sample) else 0
    lengths = np.linalg.norm(sample, axis=0).prod(axis=0)
    varies = lengths > 0
    if len(sample) < _TELLING or not varies.any():
        return []
    alike = float(np.max(np.abs(sample.prod(axis=1).sum(axis=0)[varies]) / lengths[varies]))
    if alike >= _ALIKE:
        return []
    return [
        f"the images have little in common (the correlation between the dates is {alike:.2f} at most, of all bands): "
        "check that they show the same place"
    ]
