"""Which pixels of a raster hold data, as GDAL finds it said: by masks in the file or beside it, and by alpha bands.

Values that stand for no data are another way to say it; they are `Image.nodata`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hscd.system import naming
from hscd.system.errors import InputError
from hscd.system.paths import require_regular

# Takes an open dataset of rasterio and a window; (rows, columns), True where there is data.
Reader = Callable[[Any, Any], np.ndarray]

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# An alpha band has few pixels that are neither transparent nor opaque: the soft border of a mosaic.
_SOFT_SHARE = 0.2


def check_side_files(path: Path) -> None:
    """Refuse files beside a raster that GDAL would open and wait for, or follow to other files.

    Raises:
        InputError: naming the file: a named pipe, for example, or a mask (X.tif.msk) that is no TIFF.
    """
    for ending in (".tfw", ".tifw", ".pgw", ".bpw", ".wld"):
        require_regular(path.with_suffix(ending))
    for suffix in (".aux.xml", ".msk", ".MSK"):
        beside = require_regular(path.with_name(path.name + suffix))
        if suffix != ".aux.xml" and beside.is_file():
            with beside.open("rb") as file:
                if file.read(4) not in _TIFF_STARTS:
                    raise InputError(f"{beside}: expected the mask of {path.name}, a TIFF file; remove or replace it")


def alpha_bands(source: Any) -> tuple[int, ...]:
    """Positions (from 0) of the bands that are declared to be alpha; none where no other band would be left."""
    from rasterio.enums import ColorInterp

    found = tuple(band for band, meaning in enumerate(source.colorinterp) if meaning == ColorInterp.alpha)
    return found if len(found) < source.count else ()


def has_mask(source: Any, alpha: tuple[int, ...]) -> bool:
    """Whether a dataset has a mask beside its nodata values and its alpha bands."""
    from rasterio.enums import MaskFlags

    known = ({MaskFlags.all_valid}, {MaskFlags.nodata}, {MaskFlags.per_dataset, MaskFlags.alpha})
    flags = (set(flags) for band, flags in enumerate(source.mask_flag_enums) if band not in alpha)
    return any(found not in known for found in flags)


def by_mask(source: Any, alpha: tuple[int, ...]) -> Reader:
    """What reads the masks of the bands of a dataset; a pixel holds data where all of its bands do."""
    from rasterio.enums import MaskFlags

    spectral = [band + 1 for band in range(source.count) if band not in alpha]
    flags = source.mask_flag_enums
    if all(MaskFlags.per_dataset in flags[band - 1] for band in spectral):
        spectral = spectral[:1]
    return lambda source, window: (source.read_masks(spectral, window=window) > 0).all(axis=0)


def by_alpha(alpha: tuple[int, ...]) -> Reader:
    """What reads alpha bands: a pixel holds data where none of them is fully transparent."""
    return lambda source, window: (source.read([band + 1 for band in alpha], window=window) > 0).all(axis=0)


def notes_of_alpha(source: Any, alpha: tuple[int, ...]) -> tuple[str, ...]:
    """What to tell of alpha bands: those that look like spectral ones."""
    return tuple(
        f"band {band + 1} is declared as alpha (opacity), but looks like a spectral band; it is left out, and masks "
        f"where it is 0; `{naming.given('bands', f'1-{source.count}')}` takes it as a band"
        for band in alpha
        if _looks_spectral(source, band + 1)
    )


def notes_of_palette(source: Any) -> tuple[str, ...]:
    """What to tell of a picture with a palette: that its index 0, which means no in a mask, is not black."""
    from rasterio.enums import ColorInterp

    if source.count != 1 or source.colorinterp[0] != ColorInterp.palette:
        return ()
    colour = source.colormap(1).get(0, (0, 0, 0, 255))[:3]
    return (f"indices of its palette are taken, not colours; index 0 has the colour {colour}",) if any(colour) else ()


def _looks_spectral(source: Any, number: int) -> bool:
    """Whether many pixels of a block in the middle of an alpha band are neither transparent nor opaque."""
    high, wide = source.block_shapes[number - 1]
    row, column = (source.height // 2 // high, source.width // 2 // wide)
    values = source.read(number, window=source.block_window(number, row, column))
    soft = (values > 0) & (values < values.max())
    return np.count_nonzero(soft) > _SOFT_SHARE * soft.size
