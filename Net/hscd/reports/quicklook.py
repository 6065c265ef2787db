"""Pictures of what the data sets hold: before and after image in false colours, and the labels."""

from __future__ import annotations

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


class Stretch(NamedTuple):
    """From values of three bands, (3,) each, to colours in [0, 1]: `low` becomes 0, `span` more than that becomes 1."""

    low: np.ndarray
    span: np.ndarray
    exponent: float

    @classmethod
    def of(cls, pixels: np.ndarray) -> Stretch:
        """The stretch of the (pixels, 3) of both dates: one of each band, so that the dates can be compared.

        A few bright roofs would leave a city black: where most is dark, the colours are lightened, all by one exponent.
        """
        low, high = np.percentile(pixels, (_LOW, _HIGH), axis=0)
        span = np.where(high > low, high - low, np.inf)
        middle = float(np.median(np.clip((pixels - low) / span, 0, 1)))
        exponent = max(_LEAST_EXPONENT, np.log(_MIDDLE) / np.log(middle)) if 0 < middle < _MIDDLE else 1.0
        return cls(low, span, float(exponent))

    def colours(self, image: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """(rows, columns, 3) values in colours; yellow, as unknown pixels, where `valid`, (rows, columns), is False."""
        found = np.empty(image.shape)
        found[valid] = np.clip((image[valid] - self.low) / self.span, 0, 1) ** self.exponent
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
    images: tuple[np.ndarray, np.ndarray],
    bands: list[int],
    valid: np.ndarray | None,
    labels: np.ndarray,
    aspect: float = 1.0,
) -> None:
    """Draw before image, after image and, where there are any, labels side by side.

    Args:
        path: PNG file.
        images: before and after image, (rows, columns, bands).
        bands: of red, green and blue.
        valid: as in `stretched`.
        labels: (rows, columns) labels.
        aspect: height of a pixel as a multiple of its width.
    """
    from matplotlib.colors import ListedColormap

    before, after = stretched((images[0][:, :, bands], images[1][:, :, bands]), valid)
    shown = ", ".join(str(band + 1) for band in bands)
    has_labels = bool((labels != UNKNOWN).any())
    figure, dpi = new_figure(labels.shape, 3 if has_labels else 2, aspect=aspect)
    axes = figure.subplots(1, 3 if has_labels else 2)
    for place, (title, colours) in zip(axes, ((f"before, bands {shown}", before), ("after", after)), strict=False):
        place.imshow(colours, aspect=aspect, **PIXELS)
        place.set_title(title)
    if has_labels:
        axes[2].imshow(labels, cmap=ListedColormap(COLOURS), vmin=0, vmax=len(COLOURS) - 1, aspect=aspect, **PIXELS)
        axes[2].set_title("labels")
        add_legend(figure, ("changed", "unchanged", "unknown"), present=np.unique(labels))
    for place in axes:
        place.set_xticks([])
        place.set_yticks([])
    storage.write_figure(path, figure, dpi)
