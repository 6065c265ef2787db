"""What GDAL and NumPy read: values, windows, and what the files say beside them."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from conftest import SHARED, needs_shared
from hscd.readers import is_image, name_of, open_image, read_image, read_label_map
from hscd.readers.sentinel_2 import WAVELENGTHS
from hscd.system.errors import InputError

UTM = {"crs": "EPSG:32633", "transform": Affine(30, 0, 366975, 0, -30, 5808045)}


def cube(bands=4, rows=7, columns=5, dtype="u2"):
    """(rows, columns, bands) whose values tell their place: 100·row + 10·column + band."""
    row, column, band = np.ogrid[:rows, :columns, :bands]
    return (100 * row + 10 * column + band).astype(dtype)


def write(path, image, driver="GTiff", tags=None, scales=None, offsets=None, **options):
    rows, columns, count = image.shape
    profile = {"count": count, "height": rows, "width": columns, "dtype": image.dtype}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver=driver, **profile, **options) as file:
        file.write(np.moveaxis(image, 2, 0))
        for band in range(count if tags else 0):
            file.update_tags(band + 1, **{key: values[band] for key, values in tags.items()})
        if scales:
            file.scales, file.offsets = scales, offsets


# --- GeoTIFF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
@pytest.mark.parametrize("layout", [{}, {"interleave": "pixel"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_geotiff_of_bands(tmp_path, dtype, layout):
    image = cube(rows=40, columns=50, dtype=dtype)
    write(tmp_path / "a.tif", image, **UTM, **layout, photometric="minisblack")  # else GDAL makes bytes RGB and alpha
    found = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.read(), image, strict=True)
    for rows, columns in ((slice(0, 1), slice(0, 50)), (slice(7, 33), slice(15, 17)), (slice(39, 40), slice(49, 50))):
        np.testing.assert_array_equal(found.window(rows, columns), image[rows, columns], strict=True)
    assert (found.format, found.shape, found.dtype) == ("TIFF", (40, 50, 4), np.dtype(dtype))
    assert found.block == ((16, 16) if "tiled" in layout else found.block)
    assert found.grid.transform == (30, 0, 366975, 0, -30, 5808045)
    assert rasterio.CRS.from_wkt(found.grid.crs) == rasterio.CRS.from_epsg(32633)


def test_what_a_geotiff_does_not_say_is_none(tmp_path):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(tmp_path / "a.tif", cube())
    found = open_image(tmp_path / "a.tif")
    assert found.grid is found.wavelengths is found.bad_bands is found.scale is found.offset is found.mask is None
    assert (found.nodata, found.masked, found.notes) == ((), False, ())
    assert found.names == ()


# As EnMAP's tools write them.
def test_wavelengths_bad_bands_scale_and_nodata_of_tags(tmp_path):
    tags = {"wavelength": ["418.2", "423.9", "429.3", "?"], "wavelength_units": ["Nanometers"] * 4, "bbl": list("1011"),
            "fwhm": ["7", "7.5", "", "8"]}  # fmt: skip
    write(tmp_path / "a.tif", cube(), tags=tags, scales=[1e-4] * 4, offsets=[0, 0, 0, 1], nodata=7, **UTM)
    found = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.wavelengths, [418.2, 423.9, 429.3, np.nan])
    np.testing.assert_array_equal(found.fwhm, [7, 7.5, np.nan, 8])
    assert found.bad_bands.tolist() == [False, True, False, False]
    assert found.scale.tolist() == [1e-4] * 4
    assert found.offset.tolist() == [0, 0, 0, 1]
    assert found.nodata == (7,) * 4


@pytest.mark.parametrize(
    ("unit", "values"),
    [("Micrometers", ["0.45", "2.4"]), ("um", ["0.45", "2.4"]), ("nm", ["450", "2400"]), ("Unknown", ["0.45", "2.4"]),
     ("Unknown", ["450", "2400"])],
)  # fmt: skip
def test_wavelengths_are_in_nanometres(tmp_path, unit, values):
    write(tmp_path / "a.tif", cube(2), tags={"wavelength": values, "wavelength_units": [unit] * 2}, **UTM)
    np.testing.assert_allclose(open_image(tmp_path / "a.tif").wavelengths, [450, 2400])


def test_wavelengths_in_units_that_differ_are_not_used(tmp_path):
    write(tmp_path / "a.tif", cube(2), tags={"wavelength": ["450", "2.4"], "wavelength_units": ["nm", "um"]}, **UTM)
    found = open_image(tmp_path / "a.tif")
    assert found.wavelengths is None
    assert found.notes == ("the units of its wavelengths differ by band; they are not used",)


def test_complex_numbers_are_refused(tmp_path):
    write(tmp_path / "a.tif", cube(dtype="c8"), **UTM)
    with pytest.raises(InputError, match=r"expected real numbers, found complex ones \(complex64\)"):
        open_image(tmp_path / "a.tif")


# --- EnMAP -----------------------------------------------------------------------------------------------------------

METADATA = """<level_X><specific><bandCharacterisation>
<bandID number="1"><wavelengthCenterOfBand>418.4</wavelengthCenterOfBand><GainOfBand>1e-4</GainOfBand>
<OffsetOfBand>0</OffsetOfBand><FWHMOfBand>6.9</FWHMOfBand></bandID>
<bandID number="2"><wavelengthCenterOfBand>424.0</wavelengthCenterOfBand><GainOfBand>2e-4</GainOfBand>
<OffsetOfBand>0.5</OffsetOfBand><FWHMOfBand>7.1</FWHMOfBand></bandID></bandCharacterisation></specific></level_X>"""


def test_enmap_product(tmp_path):
    write(tmp_path / "ENMAP01-L2A-SPECTRAL_IMAGE.TIF", cube(2, dtype="i2"), nodata=-32768, **UTM)
    (tmp_path / "ENMAP01-L2A-METADATA.XML").write_text(METADATA, encoding="utf-8")
    found = open_image(tmp_path / "ENMAP01-L2A-SPECTRAL_IMAGE.TIF")
    assert (found.format, found.nodata) == ("EnMAP", (-32768, -32768))
    assert found.wavelengths.tolist() == [418.4, 424.0]
    assert found.scale.tolist() == [1e-4, 2e-4]
    assert found.fwhm.tolist() == [6.9, 7.1]
    assert found.offset.tolist() == [0, 0.5]


def test_enmap_metadata_of_other_bands_or_broken(tmp_path):
    write(tmp_path / "A-SPECTRAL_IMAGE.TIF", cube(3), **UTM)
    metadata = tmp_path / "A-METADATA.XML"
    for text, said in ((METADATA, "describes 2 bands, A-SPECTRAL_IMAGE.TIF has 3"), (METADATA[:80], "truncated"),
                       (METADATA.replace("424.0", "blue"), "wavelengthCenterOfBand is not a number")):  # fmt: skip
        metadata.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said) as caught:
            open_image(tmp_path / "A-SPECTRAL_IMAGE.TIF")
        assert str(metadata) in str(caught.value)
    metadata.unlink()
    assert open_image(tmp_path / "A-SPECTRAL_IMAGE.TIF").format == "TIFF"


# --- ENVI ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".img", ".dat", ".bsq"])
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_envi(tmp_path, interleave, suffix):
    write(tmp_path / f"a{suffix}", cube(dtype="i2"), "ENVI", interleave=interleave, **UTM)
    header = tmp_path / "a.hdr"
    more = "wavelength units = Micrometers\nwavelength = {0.4, 0.5, 0.6, 0.7}\nbbl = {1, 0, 1, 1}\n"
    more += "data ignore value = 12\nreflectance scale factor = 10000\nband names = {a, b, c, d}\n"
    text = header.read_text(encoding="utf-8")
    header.write_text(text[: text.index("band names")] + more, encoding="utf-8")
    found = open_image(header)
    np.testing.assert_array_equal(found.read(), cube(dtype="i2"), strict=True)
    np.testing.assert_array_equal(found.window(slice(2, 5), slice(1, 3)), cube(dtype="i2")[2:5, 1:3], strict=True)
    assert (found.format, found.path, found.nodata) == ("ENVI", header, (12,) * len(found.nodata))
    np.testing.assert_allclose(found.wavelengths, [400, 500, 600, 700])
    assert found.bad_bands.tolist() == [False, True, False, False]
    np.testing.assert_allclose(found.scale, 1e-4)
    assert found.grid.transform == (30, 0, 366975, 0, -30, 5808045)


def test_envi_header_without_pixels_or_with_too_few(tmp_path):
    write(tmp_path / "a.img", cube(), "ENVI", **UTM)
    (tmp_path / "a.img").write_bytes((tmp_path / "a.img").read_bytes()[:-1])
    # 7 · 5 · 4 values of 2 bytes.
    with pytest.raises(InputError, match="truncated: 279 bytes, its header describes 280"):
        open_image(tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    assert not is_image(tmp_path / "a.hdr")
    with pytest.raises(InputError, match="no file of pixels beside this header"):
        open_image(tmp_path / "a.hdr")


# --- NumPy, PNG ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "f4", ">f8"])
def test_npy(tmp_path, dtype, order):
    image = np.asarray(cube(dtype="u1"), dtype, order=order)
    np.save(tmp_path / "a.npy", image)
    native = image.astype(np.dtype(dtype).newbyteorder("="))
    found = open_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(found.read(), native, strict=True)
    np.testing.assert_array_equal(found.window(slice(6, 7), slice(1, 4)), native[6:7, 1:4], strict=True)
    np.save(tmp_path / "b.npy", image[:, :, 2])
    np.testing.assert_array_equal(read_label_map(tmp_path / "b.npy"), native[:, :, 2], strict=True)


@pytest.mark.parametrize(
    "values", [np.array([{}, []], object), np.array(["a"]), np.zeros((2, 2), complex), np.zeros(3)]
)
def test_npy_of_something_else(tmp_path, values):
    np.save(tmp_path / "a.npy", values, allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: "):
        open_image(tmp_path / "a.npy")


def test_png_of_grey_of_a_palette_and_of_equal_colours(tmp_path):
    from PIL import Image

    labels = np.arange(6, dtype=np.uint8).reshape(2, 3) % 3
    Image.fromarray(labels).save(tmp_path / "grey.png")
    palette = Image.fromarray(labels)
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "palette.png")
    Image.fromarray(np.dstack([labels] * 3)).save(tmp_path / "colours.png")
    for name in ("grey", "palette", "colours"):
        np.testing.assert_array_equal(read_label_map(tmp_path / f"{name}.png"), labels, strict=True)


# --- folders of bands ------------------------------------------------------------------------------------------------


def test_bands_of_several_resolutions_on_the_finest_grid(tmp_path):
    folder = tmp_path / "town"
    fine = {"crs": "EPSG:32633", "transform": Affine(10, 0, 0, 0, -10, 60)}
    coarse = {"crs": "EPSG:32633", "transform": Affine(20, 0, 0, 0, -20, 60)}
    write(folder / "B02.tif", cube(1, 6, 8), **fine)
    # Values rise by 40 a column of 20 m, by 8 a row: what is between them is known.
    row, column = np.ogrid[:3, :4]
    write(folder / "B05.tif", (8 * row + 40 * column + 100).astype("u2")[:, :, None], **coarse)
    assert is_image(folder)
    found = open_image(folder)
    assert (found.shape, found.names, found.grid.transform) == ((6, 8, 2), ("B02", "B05"), (10, 0, 0, 0, -10, 60))
    np.testing.assert_array_equal(found.read()[:, :, 0], cube(1, 6, 8)[:, :, 0])
    # The middle of a fine pixel lies a quarter of a coarse pixel from that of the coarse one: ± 10 a column, ± 2 a row.
    rows, columns = np.ogrid[:6, :8]
    inside = found.read()[1:-1, 1:-1, 1]
    np.testing.assert_array_equal(inside, (98 + 4 * rows + 90 - 100 + 20 * columns)[1:-1, 1:-1])
    np.testing.assert_array_equal(found.window(slice(2, 5), slice(3, 8)), found.read()[2:5, 3:8])


def test_a_coarser_band_of_another_place_is_refused(tmp_path):
    write(tmp_path / "a/B02.tif", cube(1, 6, 8), crs="EPSG:32633", transform=Affine(10, 0, 0, 0, -10, 60))
    write(tmp_path / "a/B05.tif", cube(1, 3, 4), crs="EPSG:32633", transform=Affine(20, 0, 100, 0, -20, 60))
    with pytest.raises(InputError, match=r"B05\.tif: does not cover the area of B02\.tif"):
        open_image(tmp_path / "a")


# --- Sentinel-2 ------------------------------------------------------------------------------------------------------

SAFE = """<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/"><n1:General_Info>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
<BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="8">-500</BOA_ADD_OFFSET>
</n1:General_Info></n1:Level-2A_User_Product>"""


def product(folder, metadata=SAFE):
    """B02 at 10, 20 and 60 m, B05 and B8A at 20 and 60 m, B09 at 60 m."""
    data = folder / "GRANULE/L2A_T33UUU/IMG_DATA"
    for size, names in ((10, ["B02"]), (20, ["B02", "B8A", "B05"]), (60, ["B02", "B05", "B8A", "B09"])):
        for name in names:
            values = np.full((120 // size, 120 // size, 1), 1000 * size + list(WAVELENGTHS).index(name), "u2")
            write(
                data / f"R{size}m/T33UUU_20220724T100611_{name}_{size}m.jp2", values, "JP2OpenJPEG", QUALITY="100",
                REVERSIBLE="YES", crs="EPSG:32633", transform=Affine(size, 0, 0, 0, -size, 120),
            )  # fmt: skip
    write(data / "R10m/T33UUU_20220724T100611_TCI_10m.jp2", cube(3, 12, 12, "u1"), "JP2OpenJPEG", **UTM)
    if metadata:
        (folder / "MTD_MSIL2A.xml").write_text(metadata, encoding="utf-8")


def test_safe_product(tmp_path):
    product(tmp_path / "S2B.SAFE")
    found = open_image(tmp_path / "S2B.SAFE")
    # Native order: B8A before B09. Each band is of its finest file: 10, 20, 20 and 60 m.
    assert found.names == ("B02", "B05", "B8A", "B09")
    assert (found.format, found.shape, found.nodata) == ("Sentinel-2 SAFE", (12, 12, 4), (0,) * 4)
    assert found.read()[5, 5].tolist() == [10_001, 20_004, 20_008, 60_009]
    assert found.wavelengths.tolist() == [492.4, 704.1, 864.7, 945.1]
    np.testing.assert_allclose(found.scale, 1e-4)
    # Bands of the numbers 1 and 8 are B02 and B8A.
    np.testing.assert_allclose(found.offset, [-0.1, 0, -0.05, 0])


def test_safe_without_metadata_or_bands_or_with_two_granules(tmp_path):
    folder = tmp_path / "S2B.SAFE"
    product(folder, None)
    assert open_image(folder).scale is None
    (folder / "MTD_MSIL2A.xml").write_text("<a/>", encoding="utf-8")
    with pytest.raises(InputError, match="no BOA_QUANTIFICATION_VALUE or L2A_BOA_QUANTIFICATION_VALUE above 0"):
        open_image(folder)
    (folder / "GRANULE/second/IMG_DATA").mkdir(parents=True)
    with pytest.raises(InputError, match="holds 2 granules"):
        open_image(folder)
    (tmp_path / "c.SAFE/GRANULE/first/IMG_DATA").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no bands"):
        open_image(tmp_path / "c.SAFE")


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pair"),
    [("town.tif", "town"), ("town.img.hdr", "town"), ("town.hdr", "town"), ("town.v2.mat", "town.v2"),
     ("S2A_MSIL2A.SAFE", "S2A_MSIL2A"), ("town", "town"), ("town.2019", "town.2019")],
)  # fmt: skip
def test_names_of_pairs(tmp_path, name, pair):
    assert name_of(tmp_path / name) == pair


# --- real data -------------------------------------------------------------------------------------------------------


@needs_shared
def test_enmap_tile():
    found = open_image(SHARED / "data/enmap_tile/enmap_potsdam_tile_160_64.tif")
    assert (found.shape, found.nodata) == ((32, 32, 224), (-32768,) * 224)
    assert rasterio.CRS.from_wkt(found.grid.crs) == rasterio.CRS.from_epsg(32633)
    np.testing.assert_allclose(found.scale, 1e-4)
    assert found.wavelengths[0] == pytest.approx(418.24)
    assert found.wavelengths[-1] == pytest.approx(2445, abs=2)


@needs_shared
@pytest.mark.parametrize("date", ["before", "after"])
def test_taizhou_as_envi_is_taizhou_as_mat(date):
    envi = open_image(SHARED / f"data/taizhou_envi/{date}/taizhou.hdr")
    mat = read_image(SHARED / f"data/taizhou/{date}/taizhou.mat", "HypeRvieW")
    np.testing.assert_array_equal(envi.read(), mat, strict=True)
    np.testing.assert_allclose(envi.wavelengths, [482.5, 565, 660, 825, 1650, 2220])
    assert envi.grid.transform == (30, 0, 203325, 0, -30, 3604935)


@needs_shared
def test_taizhou_labels_as_png_are_those_as_mat():
    png = read_label_map(SHARED / "data/taizhou_envi/label/taizhou.png")
    np.testing.assert_array_equal(png, read_label_map(SHARED / "data/taizhou/label/taizhou.mat", "HypeRvieW"))
