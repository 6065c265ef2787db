"""Label maps of grey values, palettes and colours, with what the file says of nodata; two masks."""

import logging
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from hscd.readers import label_map_of, map_of_masks, open_label_map, read_label_map
from hscd.scenes.image import Image
from hscd.system.errors import InputError
from image_files import refuses
from raster_scenes import write_raster

GREY = np.array([[0, 1, 255], [2, 1, 0]], np.uint8)
RED, GREEN, BLACK = (255, 0, 0), (0, 128, 7), (0, 0, 0)
# 255 · 65536; 128 · 256 + 7
PACKED = [[0xFF0000, 0x008007], [0, 0xFF0000]]
COLOURS = np.array([[RED, GREEN], [BLACK, RED]], np.uint8)


def image_of(values, **more) -> Image:
    """An image in memory, of (rows, columns) or (rows, columns, bands)."""
    values = np.asarray(values)
    values = values[:, :, None] if values.ndim == 2 else values
    return Image(
        path=more.pop("path", "labels"), format=more.pop("format", "TIFF"), shape=values.shape, dtype=values.dtype,
        block=values.shape[:2], window=lambda rows, columns: values[rows, columns], **more,
    )  # fmt: skip


@pytest.fixture
def warned():
    """What `warn` says, whether or not a command has made its messages visible before."""
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logging.getLogger("hscd").addHandler(handler)
    yield records
    logging.getLogger("hscd").removeHandler(handler)


# --- grey values, palettes, colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_grey_pictures(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Picture.fromarray(GREY).save(path)
    np.testing.assert_array_equal(read_label_map(path), GREY, strict=True)
    Picture.fromarray(np.dstack([GREY] * 3)).save(path)
    np.testing.assert_array_equal(read_label_map(path), GREY, strict=True)
    Picture.fromarray(GREY > 0).save(path)
    np.testing.assert_array_equal(read_label_map(path) > 0, GREY > 0)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_palettes_are_indices(tmp_path, suffix):
    picture = Picture.fromarray(GREY % 3)
    picture.putpalette([*BLACK, *RED, *GREEN])
    picture.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_label_map(tmp_path / f"a.{suffix}"), GREY % 3, strict=True)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_colours_are_one_number(tmp_path, suffix):
    Picture.fromarray(COLOURS).save(tmp_path / f"a.{suffix}")
    labels = label_map_of(open_label_map(tmp_path / f"a.{suffix}"))
    assert labels.colours
    assert labels.values.tolist() == PACKED


def test_opacity_is_a_mask(tmp_path):
    opaque = np.array([[255, 0], [1, 255]], np.uint8)
    Picture.fromarray(np.dstack([COLOURS, opaque])).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png").tolist() == [[0xFF0000, None], [0, 0xFF0000]]
    Picture.fromarray(np.dstack([GREY[:, :2], opaque])).save(tmp_path / "a.png")
    assert read_label_map(tmp_path / "a.png").tolist() == [[0, None], [2, 1]]


def test_grey_pictures_are_colours_where_a_value_is_one():
    white = np.full((1, 2, 3), 255, np.uint8)
    assert not label_map_of(image_of(white), (255,), (0,)).colours
    for known, unknown in (((0xFFFFFF,), ()), ((255,), (0, 0x100))):
        found = label_map_of(image_of(white), known, unknown)
        assert found.colours
        assert found.values.tolist() == [[0xFFFFFF] * 2]


@pytest.mark.parametrize(
    "image",
    [image_of(COLOURS, format="MATLAB"), image_of(COLOURS.astype(np.uint16)), image_of(COLOURS[:, :, :2])],
)
def test_other_bands_that_differ_are_no_labels(image):
    with pytest.raises(InputError, match=r"labels: expected a label map of \(rows, columns\), found shape \(2, 2, "):
        label_map_of(image)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
@pytest.mark.parametrize("bands", [2, 3, 5])
def test_one_hot_is_refused_with_the_reason(dtype, bands):
    one_hot = np.eye(bands)[np.arange(6).reshape(2, 3) % bands].astype(dtype)
    with pytest.raises(InputError, match=rf"labels: a label map of {bands} bands of 0 and 1, .*one-hot.*argmax"):
        label_map_of(image_of(one_hot))


@pytest.mark.parametrize("nothing", [0, math.nan])
@pytest.mark.parametrize("bands", [2, 3, 5])
def test_one_hot_with_pixels_of_no_class(nothing, bands):
    # The last of six pixels is of no class; argmax would make it one of the first.
    one_hot = np.eye(bands)[np.arange(6).reshape(2, 3) % bands]
    one_hot[1, 2] = nothing
    with pytest.raises(
        InputError, match=r"one-hot.*argmax over the bands\), and a number of its own where there is none$"
    ):
        label_map_of(image_of(one_hot))


def test_bands_that_are_all_0_are_grey_and_not_one_hot():
    assert label_map_of(image_of(np.zeros((2, 2, 3), np.uint8))).values.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("spectrum", [(1, 1, 0), (1, 1, 1), (2, -1, 0), (0.5, 0.25, 0.25), (0, math.nan, 0)])
def test_what_is_not_quite_one_hot_is_refused_without_that_advice(spectrum):
    values = np.array([[(1, 0, 0), (0, 1, 0), spectrum]])
    with pytest.raises(InputError, match="expected a label map of"):
        label_map_of(image_of(values))


# --- nodata ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "nodata"), [(np.uint8, 255), (np.float32, math.nan), (np.float32, -9999.5)])
def test_nodata_of_the_file_is_masked(tmp_path, dtype, nodata):
    labels = GREY.astype(dtype)
    labels[0, 2] = nodata
    write_raster(tmp_path / "a.tif", labels[:, :, None], nodata=nodata)
    assert read_label_map(tmp_path / "a.tif").tolist() == [[0, 1, None], [2, 1, 0]]


def test_nodata_that_is_a_class_stays_one_with_a_warning(warned):
    image = image_of(GREY, nodata=(1.0,))
    assert label_map_of(image, (0, 2), (1,)).values.tolist() == [[0, None, 255], [2, None, 0]]
    assert warned == []
    assert label_map_of(image, (0, 1)).values.tolist() == GREY.tolist()
    assert warned == ["labels: declares 1 as nodata, which is configured as a class and counts as such"]


def test_nodata_that_no_pixel_can_have_masks_nothing():
    for nodata in (-1.0, 0.5, math.nan):
        assert not np.ma.isMaskedArray(label_map_of(image_of(GREY, nodata=(nodata,))).values)


def test_nodata_of_colours_is_that_of_all_bands():
    found = label_map_of(image_of(COLOURS, nodata=(0.0, 128.0, 7.0))).values
    assert found.tolist() == [[0xFF0000, None], [0, 0xFF0000]]
    assert label_map_of(image_of(COLOURS, nodata=(0.0, None, 7.0))).values.tolist() == PACKED


def test_the_mask_of_the_file_counts_and_nan_of_a_masked_image():
    image = image_of(GREY, mask=lambda rows, columns: (GREY != 2)[rows, columns])
    assert label_map_of(image, (2,)).values.tolist() == [[0, 1, 255], [None, 1, 0]]
    assert label_map_of(image_of([[1.0, np.nan]], masked=True)).values.tolist() == [[1, None]]


# --- two masks -------------------------------------------------------------------------------------------------------

CHANGED = [[9, 0, 0], [255, 0, 0]]
UNCHANGED = [[0, 1, 0], [0, 0, 1]]


def test_two_masks():
    # Not zero in the first is 0, in the second 1, in none 2.
    found = map_of_masks(image_of(CHANGED), image_of(UNCHANGED))
    np.testing.assert_array_equal(found, np.array([[0, 1, 2], [0, 2, 1]], np.uint8), strict=True)


def test_masks_in_colours_and_with_nodata():
    white = np.repeat(np.array(CHANGED)[:, :, None], 3, axis=2)
    white[0, 0, :2] = 0  # one band is enough
    assert map_of_masks(image_of(white), image_of(UNCHANGED)).tolist() == [[0, 1, 2], [0, 2, 1]]
    declared = image_of(CHANGED, nodata=(9.0,))
    assert map_of_masks(declared, image_of(UNCHANGED)).tolist() == [[2, 1, 2], [0, 2, 1]]
    nan = image_of([[np.nan, 0.0, 0.0], [1.0, 0.0, 0.0]])
    declared = replace(nan, nodata=(np.nan,))
    assert map_of_masks(declared, image_of(UNCHANGED)).tolist() == [[2, 1, 2], [0, 2, 1]]
    hidden = image_of(CHANGED, mask=lambda rows, columns: (np.array(CHANGED) != 255)[rows, columns])
    assert map_of_masks(hidden, image_of(UNCHANGED)).tolist() == [[0, 1, 2], [2, 2, 1]]
    with pytest.raises(InputError, match="labels: a mask holds NaN"):
        map_of_masks(nan, image_of(UNCHANGED))


def test_a_pixel_in_both_masks_is_an_error():
    with pytest.raises(InputError, match=r"u: 2 pixels are not zero here and in c; expected .* none in both"):
        map_of_masks(image_of(CHANGED, path="c"), image_of(CHANGED, path="u"))


def test_masks_of_different_shapes_are_an_error():
    with pytest.raises(InputError, match=r"u: mask of shape \(2, 2\), c of \(2, 3\)"):
        map_of_masks(image_of(CHANGED, path="c"), image_of(GREY[:, :2], path="u"))


def test_a_label_map_larger_than_the_limit_is_refused(tmp_path):
    Picture.fromarray(GREY).save(tmp_path / "a.bmp")
    assert "declares" in refuses(read_label_map, tmp_path / "a.bmp", None, 5)


def test_a_transparent_colour_that_is_a_class_stays_one(tmp_path, warned):
    # GDAL tells of it as nodata and as a mask.
    labels = np.zeros((4, 4, 3), np.uint8)
    labels[0] = 255
    Picture.fromarray(labels).save(tmp_path / "a.png", transparency=(0, 0, 0))
    found = label_map_of(open_label_map(tmp_path / "a.png"), known=(255, 0)).values
    assert not np.ma.is_masked(found)
    assert (found == labels[:, :, 0]).all()
    assert len(warned) == 1


def test_a_mask_in_which_nothing_is_set_is_told(warned):
    nothing = image_of(np.zeros((2, 2), np.uint8))
    assert (map_of_masks(image_of(np.ones((2, 2), np.uint8)), nothing) == 0).all()
    assert len(warned) == 1
    assert "no pixel is set" in warned[0]
