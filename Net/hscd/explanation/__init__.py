"""What a trained network sees: embeddings of pixels, which bands its distance comes from, what turns a label.

Functions get the network as `differentiate`, which takes pixel pairs (pairs, 2, bands) and returns their distances
(pairs,) and how each grows with the values of its own pair, (pairs, 2, bands): `hscd.learn.training.gradients`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Differentiate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
