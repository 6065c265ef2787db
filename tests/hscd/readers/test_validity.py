"""What rasters say of which pixels hold data: masks and alpha bands."""

import os
import warnings

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from hscd.readers import open_image, read_label_map
from hscd.scenes.band_choice import chosen, parse_bands
from hscd.scenes.image import physical
from hscd.system.errors import InputError

PLACE = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
ROWS, COLUMNS = 6, 8


def values(bands, dtype="uint8"):
    return np.random.default_rng(0).integers(1, 200, (bands, ROWS, COLUMNS)).astype(dtype)


def write(path, bands, mask=None, internal=True, interpretation=None, nodata=None):
    profile = {"driver": "GTiff", "count": len(bands), "height": ROWS, "width": COLUMNS, "dtype": bands.dtype}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal),
        rasterio.open(path, "w", **profile, **PLACE, nodata=nodata, photometric="minisblack") as file,
    ):
        if interpretation:
            file.colorinterp = interpretation
        file.write(bands)
        if mask is not None:
            file.write_mask(mask)


def half():
    """True where there is data: the right half."""
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[:, COLUMNS // 2 :] = True
    return mask


def missing(path):
    return np.isnan(physical(open_image(path)).read()).all(axis=2)


@pytest.mark.parametrize("internal", [True, False])
@pytest.mark.parametrize("bands", [1, 3])
def test_a_mask_in_the_file_or_beside_it(tmp_path, bands, internal):
    write(tmp_path / "a.tif", values(bands), mask=half(), internal=internal)
    assert (tmp_path / "a.tif.msk").exists() is not internal
    np.testing.assert_array_equal(missing(tmp_path / "a.tif"), ~half())
    image = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.mask(slice(1, 3), slice(3, 6)), half()[1:3, 3:6])
    np.testing.assert_array_equal(image.read(), np.moveaxis(values(bands), 0, 2), strict=True)


def test_a_mask_of_each_band(tmp_path):
    # The flag 0 of a band says that its mask is not that of all.
    write(tmp_path / "a.tif", values(2))
    masks = np.stack([half(), ~half()]).astype(np.uint8) * 255
    masks[:, 0] = 255
    write(tmp_path / "masks.tif", masks)
    with rasterio.open(tmp_path / "masks.tif", "r+") as file:
        file.update_tags(INTERNAL_MASK_FLAGS_1=0, INTERNAL_MASK_FLAGS_2=0)
    (tmp_path / "masks.tif").rename(tmp_path / "a.tif.msk")
    # A pixel holds data where all of its bands do: in the first row.
    np.testing.assert_array_equal(missing(tmp_path / "a.tif"), np.arange(ROWS)[:, None].repeat(COLUMNS, axis=1) > 0)


def test_a_mask_and_nodata_together(tmp_path):
    bands = values(2)
    bands[1, 0, -1] = 250
    write(tmp_path / "a.tif", bands, mask=half(), nodata=250)
    expected = ~half()
    assert not expected[0, -1]
    found = np.isnan(physical(open_image(tmp_path / "a.tif")).read())
    np.testing.assert_array_equal(found[:, :, 0], expected)
    expected[0, -1] = True
    np.testing.assert_array_equal(found[:, :, 1], expected)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_alpha_band_masks_and_is_no_band(tmp_path, place):
    colours = list(values(3))
    opaque = np.where(half(), 255, 0).astype(np.uint8)
    opaque[0, -1] = 1  # hardly visible, but there
    meanings = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.undefined]
    meanings.insert(place, ColorInterp.alpha)
    write(tmp_path / "a.tif", np.stack([*colours[:place], opaque, *colours[place:]]), interpretation=meanings)
    image = open_image(tmp_path / "a.tif")
    assert (image.shape, image.alpha, image.notes) == ((ROWS, COLUMNS, 3), None, ())
    np.testing.assert_array_equal(image.read(), np.stack(colours, axis=2), strict=True)
    np.testing.assert_array_equal(missing(tmp_path / "a.tif"), ~half())
    kept = open_image(tmp_path / "a.tif", keep_alpha=True)
    assert (kept.shape[2], kept.alpha.bands) == (4, (place,))


def test_an_alpha_band_and_nodata_together(tmp_path):
    # GDAL itself tells of the one or the other.
    opaque = np.where(half(), 255, 0).astype(np.uint8)
    bands = np.concatenate([values(1), opaque[None]])
    bands[0, 0, -1] = 250
    write(tmp_path / "a.tif", bands, interpretation=[ColorInterp.gray, ColorInterp.alpha], nodata=250)
    expected = ~half()
    expected[0, -1] = True
    np.testing.assert_array_equal(missing(tmp_path / "a.tif"), expected)


def test_an_alpha_band_that_looks_like_another_is_told(tmp_path):
    meanings = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    write(tmp_path / "a.tif", values(4), interpretation=meanings)
    (note,) = open_image(tmp_path / "a.tif").notes
    assert note.startswith("band 4 is declared as alpha (opacity), but looks like a spectral band")
    assert "`bands = 1-4` takes it as a band" in note
    assert open_image(tmp_path / "a.tif", keep_alpha=True).notes == ()


def test_bands_keep_the_numbers_of_their_file(tmp_path):
    meanings = [ColorInterp.gray, ColorInterp.alpha, ColorInterp.undefined, ColorInterp.undefined]
    write(tmp_path / "a.tif", np.concatenate([values(1), values(1) * 0 + 255, values(2)]), interpretation=meanings)
    image = open_image(tmp_path / "a.tif")
    assert (image.band_numbers.tolist(), image.file_bands) == ([1, 3, 4], 4)
    assert chosen(parse_bands("3-4"), image).tolist() == [False, True, True]
    assert not chosen(parse_bands("2"), image).any()
    with pytest.raises(ValueError, match="has 4 bands, band 5 is asked for"):
        chosen(parse_bands("5"), image)


def test_a_palette_whose_first_colour_is_not_black_is_told(tmp_path):
    for colours, said in ((([255] * 3, [0] * 3), ["(255, 255, 255)"]), (([0] * 3, [255] * 3), [])):
        picture = Image.fromarray(np.eye(4, dtype=np.uint8), "P")
        picture.putpalette([part for colour in colours for part in colour])
        picture.save(tmp_path / "a.png")
        notes = open_image(tmp_path / "a.png").notes
        assert [text for text in said if text in notes[0]] == said
        assert len(notes) == len(said)


def test_an_image_of_alpha_alone_is_an_image(tmp_path):
    write(tmp_path / "a.tif", values(1), interpretation=[ColorInterp.alpha])
    assert open_image(tmp_path / "a.tif").shape == (ROWS, COLUMNS, 1)


def test_nodata_of_bands_in_an_auxiliary_file(tmp_path):
    bands = values(2)
    bands[0, 1, 1] = bands[1, 2, 2] = 250
    write(tmp_path / "a.tif", bands)
    (tmp_path / "a.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="2"><NoDataValue>250</NoDataValue></PAMRasterBand></PAMDataset>',
        encoding="utf-8",
    )
    assert open_image(tmp_path / "a.tif").nodata == (None, 250)
    assert np.argwhere(np.isnan(physical(open_image(tmp_path / "a.tif")).read())).tolist() == [[2, 2, 1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "a.tif.aux.xml"]


def test_an_auxiliary_file_leads_nowhere(tmp_path):
    # Overviews in another file; opened, a pipe would never end.
    write(tmp_path / "a.tif", values(1), mask=half())
    pipe = tmp_path / "pipe"
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(pipe)
    (tmp_path / "a.tif.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{pipe}</MDI></Metadata></PAMDataset>',
        encoding="utf-8",
    )
    np.testing.assert_array_equal(missing(tmp_path / "a.tif"), ~half())


def test_a_mask_file_that_is_no_tiff_is_refused(tmp_path):
    write(tmp_path / "a.tif", values(1))
    (tmp_path / "a.tif.msk").write_text("<VRTDataset/>", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.tif\.msk: expected the mask of a\.tif, a TIFF file"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".msk", ".aux.xml"])
def test_a_pipe_beside_a_file_is_refused(tmp_path, suffix):
    write(tmp_path / "a.tif", values(1))
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(tmp_path / f"a.tif{suffix}")
    with pytest.raises(InputError, match="a named pipe"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("coarse", [False, True])
def test_masks_of_band_files_come_together(tmp_path, coarse):
    folder = tmp_path / "a"
    folder.mkdir()
    write(folder / "B01.tif", values(1), mask=half())
    if coarse:  # 3 × 4 pixels of 20 m, the first of which holds no data
        mask = np.ones((3, 4), bool)
        mask[0, 0] = mask[2, 3] = False
        transform = PLACE["transform"] @ rasterio.Affine.scale(2)
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                folder / "B02.tif", "w", driver="GTiff", count=1, height=3, width=4, dtype="uint8", crs=PLACE["crs"],
                transform=transform,
            ) as file,
        ):  # fmt: skip
            file.write(np.full((1, 3, 4), 7, np.uint8))
            file.write_mask(mask)
        image = physical(open_image(folder))
        assert image.masked
        found = image.read()
        # Interpolated between pixels with data, the border of the masked ones is that of the nearest pixel.
        assert np.isnan(found[4:, 6:, 1]).any()
        assert (found[:, :, 1][np.isfinite(found[:, :, 1])] == 7).all()
        np.testing.assert_array_equal(np.isnan(found[:, :, 0]), ~half())
    else:
        other = np.ones((ROWS, COLUMNS), bool)
        other[0] = False
        write(folder / "B02.tif", values(1), mask=other)
        np.testing.assert_array_equal(missing(folder), ~half() | ~other)


def test_nodata_of_each_band_file(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    for number, nodata in ((1, 250), (2, None), (3, 251)):
        bands = values(1)
        bands[0, 0, :2] = 250, 251
        write(folder / f"B0{number}.tif", bands, nodata=nodata)
    found = open_image(folder)
    assert found.nodata == (250, None, 251)
    assert np.argwhere(np.isnan(physical(found).read())).tolist() == [[0, 0, 0], [0, 1, 2]]


def test_a_transparent_label_picture(tmp_path):
    labels = np.array([[0, 255], [255, 0]], np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "a.png", "w", driver="PNG", count=2, height=2, width=2, dtype="uint8") as file:
            file.write(np.stack([labels, np.full_like(labels, 255)]))
    assert read_label_map(tmp_path / "a.png").tolist() == labels.tolist()
