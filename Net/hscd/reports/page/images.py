"""Pictures as data URIs, which need no file beside the page: pictures lossy, maps with the exact values."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np

from hscd.labels import CHANGED
from hscd.reports.maps import COLOURS

# Of compressed pictures, in percent: no artefacts that could be taken for change.
_QUALITY = 85
# Longest side of a picture in the index.
_THUMBNAIL = 128
# What became of each pixel of known label: found, missed, false alarm, rightly unchanged, unknown.
AGREEMENT = ("#009e73", "#7b3fa0", "#e66100", "#e4e7eb", "#ffffff")
# Levels of scores; index 0 is no score.
LEVELS = 255


def label_map(labels: np.ndarray, colours: Sequence[str] = COLOURS) -> str:
    """(rows, columns) uint8 indices of colours as a PNG whose palette these are."""
    return _indexed(labels, b"".join(bytes.fromhex(colour[1:]) for colour in colours))


def score_map(levels: np.ndarray) -> str:
    """(rows, columns) uint8 levels, 0 for no score, as a PNG in the colours of `score_colours`, 0 transparent."""
    return _indexed(levels, score_colours().tobytes(), transparency=0)


def score_colours() -> np.ndarray:
    """The colours of all levels, (256, 3) uint8; no two are the same, so that a colour tells the level."""
    import matplotlib as mpl

    found = np.round(255 * mpl.colormaps["inferno"](np.linspace(0.04, 1, LEVELS))[:, :3]).astype(np.uint8)
    colours = [(128, 128, 128)]
    for red, green, blue in found.tolist():
        while (red, green, blue) in colours:  # the nearest one that is free
            blue += 1
        colours.append((red, green, blue))
    return np.array(colours, np.uint8)


def picture(colours: np.ndarray, quality: int = _QUALITY) -> str:
    """(rows, columns, 3) floats in [0, 1] as WebP, of a quality in percent."""
    from PIL import Image

    return _written(Image.fromarray(np.round(255 * colours).astype(np.uint8)), "webp", quality=quality)


def thumbnail(colours: np.ndarray, changed: np.ndarray) -> str:
    """(rows, columns, 3) floats in [0, 1] in small, changed pixels, (rows, columns) boolean, in their colour."""
    from PIL import Image

    shown = np.round(255 * colours).astype(np.uint8)
    shown[changed] = list(bytes.fromhex(COLOURS[CHANGED][1:]))
    image = Image.fromarray(shown)
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return _written(image, "webp", quality=_QUALITY)


def of_file(png: bytes, most: int) -> str:
    """A PNG file, not more than `most` pixels wide."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        image.thumbnail((most, most * 4))
        return _written(image.convert("RGB"), "webp", quality=_QUALITY)


def _indexed(values: np.ndarray, palette: bytes, **options: int) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values, np.uint8))
    image.putpalette(palette)
    return _written(image, "png", optimize=False, **options)


def _written(image: object, kind: str, **options: object) -> str:
    file = io.BytesIO()
    image.save(file, kind.upper(), **options)  # type: ignore[attr-defined]
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
