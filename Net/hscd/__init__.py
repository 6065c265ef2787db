"""Change detection between two remote-sensing images of one place.

    >>> import numpy as np
    >>> import hscd
    >>> rng = np.random.default_rng(0)
    >>> before = rng.random((24, 24, 5))  # rows, columns, bands
    >>> after = before + rng.normal(0, 0.01, before.shape)
    >>> after[5:9, 5:9] += 1
    >>> found = hscd.detect(before, after)
    >>> bool((found.corrected[6:8, 6:8] == hscd.CHANGED).all())
    True
    >>> found.score_map.scores.shape
    (24, 24)

What is listed here is the public interface; everything else may change. The families are mappings from the names of
methods to what makes them:

    >>> sorted(hscd.CORRECTIONS)
    ['majority', 'median', 'none', 'potts', 'superpixel']

| stage | packages |
|---|---|
| read | `readers`, `scenes` |
| score each pixel | `heads`, `detectors` |
| scores to labels | `thresholds`, `selections`, `corrections` |
| build, train, search, predict | `networks`, `losses`, `learn`, `models`, `search` |
| judge and report | `evaluation`, `reports` |
| what all of them share | `labels`, `records`, `registry`, `system` |
| demo scenes | `demo` |

Nothing here imports a stage or reads net.conf: every function takes plain arguments. What is asked for is imported
then, so `import hscd` takes no time, and TensorFlow is loaded by what needs a network alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hscd.corrections import CORRECTIONS as CORRECTIONS
    from hscd.detection import detect as detect
    from hscd.detectors import DETECTORS as DETECTORS
    from hscd.detectors.network import TrainedNetwork as TrainedNetwork
    from hscd.detectors.network import predict as predict
    from hscd.evaluation.confusion import Confusion as Confusion
    from hscd.evaluation.confusion import confusion as confusion
    from hscd.evaluation.result import MapResult as MapResult
    from hscd.heads import HEADS as HEADS
    from hscd.labels import CHANGED as CHANGED
    from hscd.labels import UNCHANGED as UNCHANGED
    from hscd.labels import UNKNOWN as UNKNOWN
    from hscd.models.saved import load_model as load_model
    from hscd.normalisation import NORMALISATIONS as NORMALISATIONS
    from hscd.opening import open_pair as open_pair
    from hscd.saving import write_map as write_map
    from hscd.scenes.scene import Scene as Scene
    from hscd.system.errors import InputError as InputError
    from hscd.thresholds import THRESHOLDS as THRESHOLDS

__version__ = "0.9.0"

# Where each name of the public interface comes from.
_PUBLIC = {
    "detect": "detection",
    "open_pair": "opening",
    "Scene": "scenes.scene",
    "MapResult": "evaluation.result",
    "DETECTORS": "detectors",
    "THRESHOLDS": "thresholds",
    "CORRECTIONS": "corrections",
    "NORMALISATIONS": "normalisation",
    "HEADS": "heads",
    "Confusion": "evaluation.confusion",
    "confusion": "evaluation.confusion",
    "CHANGED": "labels",
    "UNCHANGED": "labels",
    "UNKNOWN": "labels",
    "load_model": "models.saved",
    "predict": "detectors.network",
    "TrainedNetwork": "detectors.network",
    "write_map": "saving",
    "InputError": "system.errors",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"hscd.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
