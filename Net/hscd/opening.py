"""A pair of image files, or of arrays, as a scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from numbers import Real
from pathlib import Path

import numpy as np

from hscd import arguments, readers
from hscd.labels import (
    ARGUMENTS,
    CHANGED,
    OTHER,
    UNCHANGED,
    UNKNOWN,
    Assumed,
    by_name,
    classes_of,
    doubt_of,
    is_other,
    listed,
    remap,
)  # fmt: skip
from hscd.scenes import band_choice
from hscd.scenes.grids import same_grid
from hscd.scenes.image import Image, in_memory, physical
from hscd.scenes.inspection import bands_without_data
from hscd.scenes.nodata import leaving_out, unmeasured, without_data
from hscd.scenes.pairing import Reading, if_swapped, open_images
from hscd.scenes.scene import Scene, survey, windows_of
from hscd.system import naming
from hscd.system.arrays import filled, held
from hscd.system.errors import InputError, counted, shown
from hscd.system.hardware import available_memory
from hscd.system.messages import warn

# Rows of an array are rather its bands, where it has so many times as many columns and bands.
_BANDS_FIRST = 4
# The format of an array, of which bands are left out before it comes here.
_ARRAY, _DELETE = "array", "np.delete(array, …, axis=2)"
# Bands of arrays are left out by NumPy, not by an argument.
_OF_ARRAYS = naming.Naming(str, lambda key, value: _DELETE if key == "bad_bands" else f"{key}={value}")

# The values of changed, unchanged and unknown.
LabelValues = tuple[Sequence[float], Sequence[float], Sequence[float] | str]


@arguments.guided
def open_pair(
    before: str | Path,
    after: str | Path,
    *,
    labels: str | Path | None = None,
    changed_label: float | Sequence[float] = Assumed(CHANGED),
    unchanged_label: float | Sequence[float] = Assumed(UNCHANGED),
    unknown_label: float | Sequence[float] | str | None = OTHER,
    bands: str | None = None,
    bad_bands: str | None = None,
    nodata: float | None = None,
    scale: float | None = None,
    variable: str | tuple[str | None, str | None] | None = None,
    register: bool = False,
    rescale: bool = False,
) -> Scene:
    """Open two image files of one place, of any format of `hscd.readers`.

    The after image is resampled onto the grid of the before image where both are georeferenced, and moved onto that
    where that is asked for. Images are read by windows unless both fit into half of the memory that is available.

    Args:
        before: the earlier image: a file, a .SAFE folder, a folder of bands or one of a single image.
        after: the later image.
        labels: a label map of the before image's shape, or the folder of one; None without.
        changed_label: its value that stands for changed, or several; a warning tells what is assumed without.
        unchanged_label: for unchanged.
        unknown_label: for pixels without ground truth, as of `hscd.detect`.
        bands: bands to use, as the key of net.conf: "1-50, 60", "430-900 nm" or "common"; None for all.
        bad_bands: bands not to use, "file, water" for example.
        nodata: value of pixels without data, also NaN; None for what the files declare.
        scale: factor of the values; None for what the files declare.
        variable: name of the array, in files that hold several; a pair of names where before and after differ.
        register: move the after image onto the before image, where it is shifted.
        rescale: scale each band to [0, 1] by its least and greatest value in both images, as a network expects that
            was trained with `apply_rescaling`.

    Raises:
        InputError: if a file is missing or unreadable, the images do not go together, no pixel is valid, a label value
            stands for two classes, or an argument is something else.

    Example:
        >>> import hscd
        >>> np.save("before.npy", np.ones((20, 30, 4)))
        >>> np.save("after.npy", np.zeros((20, 30, 4)))
        >>> hscd.open_pair("before.npy", "after.npy", bands="1-3").before.shape
        (20, 30, 3)
    """
    first, second = arguments.path("before", before), arguments.path("after", after)
    variables = _variables(variable)
    _require_plain(labels, nodata, scale, register=register, rescale=rescale)
    used = _bands("bands", bands, (band_choice.COMMON,))
    left_out = _bands("bad_bands", bad_bands, (band_choice.FILE, band_choice.WATER))
    values = label_values((changed_label, unchanged_label, unknown_label), "labels", labels)
    reading, limit = Reading(used, left_out, nodata, scale, variables, register=register), available_memory()
    with arguments.told_by_arguments():
        paths = readers.image_of(first), readers.image_of(second)
        images = _in_memory(open_images(*paths, reading, limit), limit)
        truth, classes = _label_map(labels, images[0], values, limit)
        return _scene(paths, images, truth, classes, rescale)


def _require_plain(labels: object, nodata: float | None, scale: float | None, **flags: bool) -> None:
    """Raise `InputError` where an argument is no path, number or flag that it may be."""
    if labels is not None:
        arguments.path("labels", labels)
    arguments.require_numbers(nodata=nodata, scale=scale)
    arguments.require_flags(**flags)
    if scale is not None and not 0 < scale < math.inf:
        raise InputError(f"scale: a number > 0 expected, received {shown(scale)}")


def _variables(given: object) -> tuple[str | None, str | None]:
    """The names of the arrays of both files, None where one is not named."""
    names = given if isinstance(given, tuple) else (given, given)
    if len(names) != 2 or not all(isinstance(name, str | None) for name in names):
        raise InputError(f'variable: a name or a pair of names expected, as ("t1", "t2"), received {shown(given)}')
    return names


def _bands(argument: str, text: str | None, words: Sequence[str]) -> band_choice.Choice | None:
    """The bands that an argument names, where it names any."""
    try:
        return None if text is None else band_choice.parse_bands(text, words)
    except (AttributeError, ValueError):  # no text; none of bands
        raise InputError(
            f'{argument}: numbers from 1, ranges or {" or ".join(words)} expected, for example "1-50, 60, 430-900 nm", '
            f"received {shown(text)}"
        ) from None


def label_values(values: Sequence[float | Sequence[float] | str | None], of: str, labels: object) -> LabelValues:
    """The values of changed, unchanged and unknown in `labels`, an argument that is called `of`; None: not given.

    Unknown is `OTHER` where it was given as such, unless changed and unchanged are the program's own.

    Raises:
        InputError: as `hscd.labels.by_name`; also if there are labels and no value of changed or unchanged, or values
            other than the program's own and no labels.
    """
    try:
        changed, unchanged, unknown = by_name(values, ARGUMENTS).values()
    except InputError as error:
        raise InputError(f"{error}{_by_default(values)}") from None
    for name, given, of_class in zip(ARGUMENTS, values, (changed, unchanged), strict=False):
        if labels is not None and not len(of_class):
            raise InputError(f"{name}: a number or several expected, received {given!r}")
    other, own = is_other(values[2]), (list(changed), list(unchanged)) == ([CHANGED], [UNCHANGED])
    if labels is None and not (own and (other or list(unknown) == [UNKNOWN])):
        raise InputError(f"{', '.join(ARGUMENTS)} go with {of}, received none")
    return changed, unchanged, unknown if not other else (UNKNOWN,) if own else OTHER


def _by_default(values: Sequence[float | Sequence[float] | str | None]) -> str:
    """What to say where a value that counts unless another one is given is that of the other class, too."""
    changed, unchanged = ([each for each in listed(given) if isinstance(each, Real)] for given in values[:2])
    for name, value, own, other in (
        (ARGUMENTS[0], CHANGED, changed, unchanged),
        (ARGUMENTS[1], UNCHANGED, unchanged, changed),
    ):
        if own == [value] and value in other:
            return f"; {name} is {value} unless it is given"
    return ""


def of_arrays(before: np.ndarray, after: np.ndarray, nodata: float | None, rescale: bool) -> Scene:
    """Two arrays as a scene of unknown labels; what is masked of a masked array, or not finite, is masked.

    Args:
        before: (rows, columns, bands) numbers.
        after: of the same shape.
        nodata: value of pixels without data; None for none.
        rescale: as of `open_pair`.

    Raises:
        InputError: if they are not two arrays of numbers of one such shape, no pixel is valid, or a value cannot have
            been measured.
    """
    _require_plain(None, nodata, None, rescale=rescale)
    arrays = [_filled(array) for array in (before, after)]
    shapes = [array.shape for array in arrays]
    if len(shapes[0]) != 3 or min(shapes[0]) < 1 or shapes[0] != shapes[1]:
        raise InputError(
            f"expected two arrays of the same shape (rows, columns, bands), received {shapes[0]} and {shapes[1]}"
            f"{'; array[..., np.newaxis] has one band' if [len(shape) for shape in shapes] == [2, 2] else ''}"
        )
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise InputError(
            f"arrays of real numbers expected, received {held(arrays[0].dtype)} and {held(arrays[1].dtype)}"
        )
    rows, columns, bands = shapes[0]
    if _BANDS_FIRST * rows <= min(columns, bands):
        warn(
            f"the arrays are taken for {counted(rows, 'row')}, {columns:,} columns and {bands:,} bands; arrays of "
            "(bands, rows, columns), as rasterio reads them, need np.moveaxis(array, 0, -1)"
        )
    paths = Path("before array"), Path("after array")
    first, second = (_of_array(path, array, nodata) for path, array in zip(paths, arrays, strict=True))
    truth = np.full(shapes[0][:2], UNKNOWN, np.uint8)
    return replace(_scene(paths, (first, second), truth, None, rescale), name="arrays")


def _filled(array: np.ndarray) -> np.ndarray:
    """The array, NaN where it is masked."""
    if not np.ma.isMaskedArray(array):
        try:
            return np.asarray(array)
        except ValueError:  # rows of several lengths
            raise InputError("an array (rows, columns, bands) expected, received lists of several lengths") from None
    return filled(array)


def _of_array(path: Path, pixels: np.ndarray, nodata: float | None) -> Image:
    rows, columns, bands = pixels.shape
    image = Image(
        path, _ARRAY, (rows, columns, bands), pixels.dtype, (1, columns), lambda part, across: pixels[part, across],
        nodata=() if nodata is None else (nodata,) * bands, masked=pixels.dtype.kind == "f",
    )  # fmt: skip
    return physical(image)


def _in_memory(images: tuple[Image, Image], limit: int) -> tuple[Image, Image]:
    """Both images in memory, where they take no more than half of it; else those that are packed as a whole.

    These would be unpacked anew for each window.
    """
    fit = sum(image.nbytes for image in images) <= limit // 2
    first, second = (in_memory(image) if fit or image.block == image.shape[:2] else image for image in images)
    return first, second


def _label_map(
    labels: str | Path | None,
    before: Image,
    values: LabelValues,
    limit: int,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The labels of a file, unknown without one, and its classes of change, as `Scene` has them."""
    if labels is None:
        return np.full(before.shape[:2], UNKNOWN, np.uint8), None
    path = readers.image_of(Path(labels))
    image = readers.open_label_map(path, None, limit)
    for note in image.notes:
        warn(f"{path}: {note}")
    if image.shape[:2] != before.shape[:2]:
        hint = if_swapped(image.shape[:2], before.shape)
        raise InputError(f"{path}: label map of shape {image.shape[:2]}, images of {before.shape[:2]}{hint}")
    if image.grid is not None and before.grid is not None and not same_grid(image, before):
        raise InputError(f"{path}: not on the grid of {before.path}; resample it onto that grid (nearest neighbour)")
    changed, unchanged, unknown = values
    stored, colours = readers.label_map_of(image, (*changed, *unchanged), listed(unknown), limit)
    try:
        known = remap(stored, *values, colours=colours, names=ARGUMENTS)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if doubt := doubt_of(stored, known, values, colours=colours, names=ARGUMENTS):
        warn(f"{path}: {doubt}")
    return known, classes_of(stored, changed)


def _scene(
    paths: tuple[Path, Path], images: tuple[Image, Image], truth: np.ndarray, classes: np.ndarray | None, rescale: bool
) -> Scene:
    """The scene of two images, of which every pixel is looked at once."""
    before, after = images
    with naming.named_by(_OF_ARRAYS) if before.format == _ARRAY else nullcontext():
        seen = survey(before, after, windows_of(before, after))
    if seen.valid is not None and not seen.valid.any():
        raise InputError(f"{paths[0]}, {paths[1]}: {_nothing_left(images)}")
    if seen.ranges is not None and unmeasured(seen.ranges):
        raise InputError(f"{paths[0]}, {paths[1]}: {unmeasured(seen.ranges)}")
    for path, doubts in zip(paths, seen.suspects, strict=True):
        for doubt in doubts:
            warn(f"{path}: {doubt}")
    if seen.valid is not None:
        truth = np.where(seen.valid, truth, np.uint8(UNKNOWN))
    name = readers.name_of(paths[0])
    return Scene(name, before, after, truth, seen.valid, seen.ranges if rescale else None, classes)


def _nothing_left(images: tuple[Image, Image]) -> str:
    """What to say of a pair whose every pixel is masked, with the bands without data, which can be left out."""
    message = "no valid pixels: every pixel is masked in one of the two images"
    if not (empty := bands_without_data(images)):
        return message
    remedy = _DELETE if images[0].format == _ARRAY else f"hscd.open_pair(…, {leaving_out(empty)})"
    return f"{message}; {without_data(empty, remedy)}"
