"""A trained Siamese network as a detector, and its distances of pixel pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hscd.detectors import Scorer
from hscd.detectors.tools.samples import sampled_pairs
from hscd.evaluation import doubts
from hscd.scenes.domain_shift import PIXELS, domain_shift, from_text, statistics
from hscd.scenes.patches import halo
from hscd.scenes.scene import Block, Scene
from hscd.system.arrays import array_of, held
from hscd.system.errors import InputError, counted
from hscd.system.messages import warn
from hscd.system.parallel import over_blocks

if TYPE_CHECKING:
    from hscd.learn.samples import Pairs
    from hscd.system.backend import keras

# Values of pixel pairs that are looked at in one go.
_BLOCK_VALUES = 2**20
# Pixel pairs from which on the means and deviations of their bands tell of a place.
_TELLING = 100


class TrainedNetwork:
    """The distances that a trained network gives to pixel pairs.

    Args:
        name: what to call it.
        model: of `hscd.load_model`; one that sees neighbours goes over whole windows at once.

    Raises:
        InputError: if it is no model.
    """

    unit = "prediction"
    scale = "linear"
    degrees: float | None = None

    def __init__(self, name: str, model: keras.Model) -> None:
        from hscd.networks.siamese import reach

        self.name = name
        self.model = model
        try:
            self._reach = reach(model)
        except AttributeError:
            raise _no_model(model) from None
        self.halo = halo(self._reach)

    def __repr__(self) -> str:
        head = getattr(getattr(self.model, "loss", None), "head", None)
        told = [counted(self.model.input_shape[-1], "band"), *([f"distance {head.name}"] if head is not None else [])]
        if self.rescaled is None:
            told.append("its file does not say whether it was trained on rescaled bands")
        else:
            told.append(f"trained on {'bands rescaled to [0, 1]' if self.rescaled else 'values as they are'}")
        return f"<TrainedNetwork {self.name}: {', '.join(told)}>"

    @property
    def rescaled(self) -> bool | None:
        """Whether it was trained on bands rescaled to [0, 1]; None where its file does not say."""
        return getattr(self.model, "rescaled", None)

    def fit(self, scene: Scene, rng: np.random.Generator) -> Scorer:
        """Nothing to fit: it is trained."""
        from hscd.learn.images import predict_block
        from hscd.learn.training import predict

        def score(block: Block) -> np.ndarray:
            if self._reach:
                return predict_block(self.model, block)
            pairs = block.pairs.reshape(-1, *block.pairs.shape[2:])
            if block.valid is None:
                return predict(self.model, pairs)
            scores = np.full(len(pairs), np.nan, np.float32)
            valid = np.flatnonzero(block.valid)
            if len(valid):
                scores[valid] = predict(self.model, pairs, valid)
            return scores

        return score

    def doubts(self, scene: Scene, rng: np.random.Generator, remedy: str = doubts.RESCALES) -> list[str]:
        """What speaks against the network on a scene, as far as its file says what it was trained on.

        Args:
            scene: the pair.
            rng: of the sample of pixels.
            remedy: what rescales the bands, where that is missing.
        """
        return _doubts(self.model, sampled_pairs(scene, rng, PIXELS), scene.ranges is not None, remedy)


def predict(model: keras.Model, pairs: Pairs, positions: np.ndarray | None = None) -> np.ndarray:
    """Distances of pixel pairs by a network that looks at single pixels.

    `hscd.detect(before, after, detector=hscd.TrainedNetwork(name, model))` maps whole images, with any network. A
    warning says where the pairs are on another scale than what the model was trained on, or, if they are 100 or more,
    far from it.

    Args:
        model: of `hscd.load_model`.
        pairs: (n, 2, bands) float32, the spectra of n pixels before and after, scaled as in the training of the model.
        positions: (m,) integers, which of the pairs to predict; None for all.

    Returns:
        (n,) or (m,) float32, which grow with change; NaN of a pair in which a value is masked, NaN or infinite.

    Raises:
        InputError: if the pairs have another shape or number of bands, there is no model, or positions are of no pair.
    """
    if not hasattr(model, "input_shape"):
        raise _no_model(model)
    pairs = pairs if hasattr(pairs, "shape") else array_of("pairs", pairs)
    unknown = np.zeros(0, np.intp)
    if isinstance(pairs, np.ndarray):
        _require_pairs(pairs, model.input_shape)
        # Only what is asked for, before anything looks at all of a file that is mapped.
        asked: np.ndarray = pairs if positions is None else pairs[_positions(positions, len(pairs))]
        if np.ma.isMaskedArray(asked):
            asked = np.ma.filled(asked.astype(np.float32), np.nan)
        for doubt in _doubts(model, asked[:: max(1, len(asked) // PIXELS)], None):
            warn(doubt)
        unknown = _unknown(asked)
        pairs, positions = asked, None
    from hscd.learn.training import predict as distances  # slow

    found = distances(model, pairs, positions)
    if len(unknown):  # a distance has a least value, which the network would give them
        found[unknown] = np.nan
    return found


def _unknown(pairs: np.ndarray) -> np.ndarray:
    """Positions of the pairs with a value that is NaN or infinite."""
    size = max(1, _BLOCK_VALUES // max(1, pairs[0].size if len(pairs) else 0))
    parts = over_blocks(lambda block: np.isfinite(pairs[block]).all(axis=(1, 2)), len(pairs), size)
    return np.flatnonzero(~np.concatenate(parts)) if parts else np.zeros(0, np.intp)


def _require_pairs(pairs: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """Raise `InputError` where an array holds no pixel pairs that a model of this input shape takes."""
    if len(shape) != 3 or pairs.ndim != 3 or pairs.shape[1] != 2:
        sees = "" if len(shape) == 3 else ", and a network that does not look at neighbours"
        raise InputError(
            f"pixel pairs of shape (n, 2, {shape[-1]}) expected{sees}, received {pairs.shape}; for whole images, "
            "hscd.detect(before, after, detector=hscd.TrainedNetwork(name, model))"
        )
    if pairs.dtype.kind not in "biuf":
        raise InputError(f"pairs: real numbers expected, received {held(pairs.dtype)}")


def _positions(given: object, count: int) -> np.ndarray:
    """Positions among so many pairs; else an `InputError`."""
    positions = array_of("positions", given)
    inside = positions.dtype.kind in "iu" and positions.ndim == 1 and ((positions >= 0) & (positions < count)).all()
    if not inside:
        raise InputError(f"positions: integers from 0 to {count - 1:,} expected, in an array (m,)")
    return positions


def _no_model(found: object) -> InputError:
    return InputError(f"model: a model of hscd.load_model expected, received {type(found).__name__}")


def _doubts(model: keras.Model, sample: np.ndarray, rescaled: bool | None, remedy: str = doubts.RESCALES) -> list[str]:
    """Doubts about a model that was loaded, at a sample of pixel pairs; other models know nothing of their training."""
    sample = sample[np.isfinite(sample).all(axis=(1, 2))]
    if not len(sample):
        return []
    trained = getattr(model, "rescaled", None)
    scale = doubts.of_rescaling(trained, rescaled, float(sample.min()), float(sample.max()), remedy)
    spectra = from_text(getattr(model, "spectra", ""))
    if scale or spectra is None or spectra.mean.shape[1] != sample.shape[2] or len(sample) < _TELLING:
        return scale
    advice = f"; if its bands are not rescaled to [0, 1], as they were in its training: {remedy}"
    found = doubts.of_domain_shift(domain_shift(spectra, statistics(sample)))
    return [doubt + advice if trained and not rescaled else doubt for doubt in found]
