"""Hyperspectral change detection: what the stages are made of.

`hscd.detect(before, after)` maps what changed between two arrays.

| stage | packages |
|---|---|
| read | `readers`, `scenes` |
| score each pixel | `heads`, `detectors` |
| scores to labels | `thresholds`, `selections`, `corrections` |
| build, train, search, predict | `networks`, `losses`, `learn`, `models`, `search` |
| judge and report | `evaluation`, `reports` |
| what all of them share | `labels`, `records`, `registry`, `system` |
| demo scenes | `demo` |

Nothing here imports a stage or reads net.conf: every function takes plain arguments.
"""

from __future__ import annotations

from typing import Any

__all__ = ["detect"]


def __getattr__(name: str) -> Any:
    if name == "detect":  # imported when it is asked for: the parts of the library do not need it
        from hscd.detection import detect

        return detect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
