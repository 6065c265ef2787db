"""The keys of [settings] that have a test say what its network sees, beside the map that it makes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hscd.explanation.projection import PROJECTIONS
from hscd.system import parsing
from settings.declared import key

_TRUE_FALSE = "True or False"
NONE = "none"
_EMBEDDINGS = (NONE, *PROJECTIONS)


@dataclass(frozen=True, kw_only=True)
class ExplainSettings:
    """What a test tells of its network."""

    embedding: str = field(
        default=NONE,
        metadata=key(
            "embedding", parsing.one_of(_EMBEDDINGS), f"{', '.join(_EMBEDDINGS[:-1])} or {_EMBEDDINGS[-1]}", NONE,
            "how a test draws the embeddings of a sample of pixels in two dimensions, with the histogram of their "
            "distances and the labels of their nearest neighbours (umap needs pip install -r requirements-umap.txt); "
            "with any of them, trainings log embeddings by epoch",
        ),
    )  # fmt: skip
    explain_pixels: int = field(
        default=1000,
        metadata=key(
            "explain_pixels", lambda text: parsing.integer(text, 20, 100_000), "an integer from 20 to 100000", 1000,
            "pixels that embedding, band_importance, ideal_spectrum and adversarial look at, up to half of them "
            "changed",
        ),
    )  # fmt: skip
    embedding_map: bool = field(
        default=False,
        metadata=key(
            "embedding_map", parsing.boolean, _TRUE_FALSE, False,
            "whether a test writes the embeddings of both dates as the bands of a GeoTIFF",
        ),
    )  # fmt: skip
    band_importance: bool = field(
        default=False,
        metadata=key(
            "band_importance", parsing.boolean, _TRUE_FALSE, False,
            "whether a test tells how much each band adds to the distance of changed pixels (integrated gradients)",
        ),
    )  # fmt: skip
    ideal_spectrum: bool = field(
        default=False,
        metadata=key(
            "ideal_spectrum", parsing.boolean, _TRUE_FALSE, False,
            "whether a test looks for the after spectrum that the network calls most changed (gradient ascent)",
        ),
    )  # fmt: skip
    ideal_smoothness: float = field(
        default=1.0,
        metadata=key(
            "ideal_smoothness", parsing.not_negative, "a number >= 0", 1.0,
            "weight of the variation loss that keeps the change to that spectrum smooth along the bands",
        ),
    )  # fmt: skip
    adversarial: bool = field(
        default=False,
        metadata=key(
            "adversarial", parsing.boolean, _TRUE_FALSE, False,
            "whether a test measures how small a change of its after spectrum turns a pixel's label",
        ),
    )  # fmt: skip
