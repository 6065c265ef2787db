"""Pictures of what the data sets hold: before and after image in false colours, and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hscd.labels import UNKNOWN
from hscd.reports.maps import COLOURS, PIXELS, add_legend, new_figure
from hscd.system import storage

# A stretch from and to these percentiles leaves extreme pixels dark and bright, and shows the others.
_LOW, _HIGH = 2, 98
# Dark scenes are lightened until their middle has this brightness, by an exponent of no less than the other number.
_MIDDLE, _LEAST_EXPONENT = 0.4, 0.5
# Colours of no more than this chroma, the difference of the largest and the smallest of red, green and blue, at this
# percentile: without wavelengths, bands far from each other would make pictures of pure blue and green.
_MOST_CHROMA, _CHROMA_PERCENTILE = 0.4, 95


class Stretch(NamedTuple):
    """From values of three bands, (3,) each, to colours in [0, 1]: `low` becomes 0, `span` more than that becomes 1.

    Then colours are moved towards the grey of their mean, which leaves `chroma` of them: 1 leaves them as they are.
    """

    low: np.ndarray
    span: np.ndarray
    exponent: float
    chroma: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Stretch:
        """The stretch of the (pixels, 3) of both dates: one of each band, so that the dates can be compared.

        A few bright roofs would leave a city black: where most is dark, the colours are lightened, all by one exponent.
        """
        low, high = np.percentile(pixels, (_LOW, _HIGH), axis=0)
        span = np.where(high > low, high - low, np.inf)
        shares = np.clip((pixels - low) / span, 0, 1)
        middle = float(np.median(shares))
        exponent = max(_LEAST_EXPONENT, np.log(_MIDDLE) / np.log(middle)) if 0 < middle < _MIDDLE else 1.0
        chroma = float(np.percentile(np.ptp(shares**exponent, axis=1), _CHROMA_PERCENTILE))
        return cls(low, span, float(exponent), min(1.0, _MOST_CHROMA / chroma) if chroma else 1.0)

    def colours(self, image: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """(rows, columns, 3) values in colours; yellow, as unknown pixels, where `valid`, (rows, columns), is False."""
        found = np.empty(image.shape)
        shown = np.clip((image[valid] - self.low) / self.span, 0, 1) ** self.exponent
        grey = shown.mean(axis=1, keepdims=True)
        found[valid] = grey + self.chroma * (shown - grey)
        found[~valid] = [int(COLOURS[UNKNOWN][start : start + 2], 16) / 255 for start in (1, 3, 5)]
        return found


def stretched(images: tuple[np.ndarray, np.ndarray], valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Two images of three bands as colours, by one `Stretch`.

    Args:
        images: (rows, columns, 3) arrays.
        valid: (rows, columns) mask of pixels that hold data; None for all.

    Returns:
        (rows, columns, 3) float arrays in [0, 1].
    """
    mask = np.ones(images[0].shape[:2], bool) if valid is None else valid
    stretch = Stretch.of(np.concatenate([image[mask].astype(np.float64) for image in images]))
    return stretch.colours(images[0], mask), stretch.colours(images[1], mask)


def write(
    path: Path,
    colours: tuple[np.ndarray, np.ndarray],
    bands: Sequence[str],
    labels: np.ndarray,
    aspect: float = 1.0,
) -> None:
    """Draw before image, after image and, where there are any, labels side by side.

    Args:
        path: PNG file.
        colours: before and after image, as `stretched` gives them.
        bands: names of those that are red, green and blue.
        labels: (rows, columns) labels.
        aspect: height of a pixel as a multiple of its width.
    """
    from matplotlib.colors import ListedColormap

    has_labels = bool((labels != UNKNOWN).any())
    figure, dpi = new_figure(labels.shape, 3 if has_labels else 2, aspect=aspect)
    axes = figure.subplots(1, 3 if has_labels else 2)
    for place, title, image in zip(axes, ("Before", "After"), colours, strict=False):
        place.imshow(image, aspect=aspect, **PIXELS)
        place.set_title(title)
    axes[0].set_xlabel(f"red, green, blue: {', '.join(bands)}")
    if has_labels:
        axes[2].imshow(labels, cmap=ListedColormap(COLOURS), vmin=0, vmax=len(COLOURS) - 1, aspect=aspect, **PIXELS)
        axes[2].set_title("Labels")
        add_legend(figure, ("changed", "unchanged", "unknown"), present=np.unique(labels))
    for place in axes:
        place.set_xticks([])
        place.set_yticks([])
    storage.write_figure(path, figure, dpi)
