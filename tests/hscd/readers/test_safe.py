"""Sentinel-2 products of all baselines: names, granules, and what their metadata says."""

import numpy as np
import pytest

from hscd.readers import is_image, name_of, names_one_image, open_image
from hscd.scenes.image import physical
from image_files import refuses
from raster_scenes import UTM, moved, write_raster

OLD = "S2A_OPER_PRD_MSIL1C_PDMC_20160830T143223_R122_V20160830T095032.SAFE"
OLD_GRANULE = "S2A_OPER_MSI_L1C_TL_SGS__20160830T143223_A006207_{tile}_N02.04"
SPECIAL = (
    "<Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>"
    "<SPECIAL_VALUE_INDEX>{nodata}</SPECIAL_VALUE_INDEX></Special_Values>"
    "<Special_Values><SPECIAL_VALUE_TEXT> SATURATED\n</SPECIAL_VALUE_TEXT>"
    "<SPECIAL_VALUE_INDEX>{saturated}</SPECIAL_VALUE_INDEX></Special_Values>"
)


def level_1c(*, quantification=10_000, offsets=None, baseline="", special=(0, 65535)):
    return _metadata("Level-1C", f"<QUANTIFICATION_VALUE>{quantification}</QUANTIFICATION_VALUE>", "RADIO_ADD_OFFSET",
                     offsets, baseline, special)  # fmt: skip


def level_2a(name="BOA_QUANTIFICATION_VALUE", *, quantification=10_000, offsets=None, baseline="", special=(0, 65535)):
    # Among quantification values of other layers.
    values = "".join(
        f'<{key} unit="none">{value}</{key}>'
        for key, value in (("L1C_TOA_QUANTIFICATION_VALUE", 7), (name, quantification), ("AOT_QUANTIFICATION_VALUE", 9))
    )
    return _metadata("Level-2A", values, "BOA_ADD_OFFSET", offsets, baseline, special)


def _metadata(level, values, name, offsets, baseline, special):
    listed = "".join(f'<{name} band_id="{band}">{value}</{name}>' for band, value in (offsets or {}).items())
    return (
        f'<n1:{level}_User_Product xmlns:n1="https://psd.example/"><n1:General_Info><Product_Info><PROCESSING_BASELINE>'
        f"{baseline}</PROCESSING_BASELINE></Product_Info>{SPECIAL.format(nodata=special[0], saturated=special[1])}"
        f"{values}{listed}</n1:General_Info></n1:{level}_User_Product>"
    )


def write_band(path, values, size=1):
    """A band of one value, or of given ones; pixels `size` times those of 30 m."""
    if np.isscalar(values):
        values = np.full((12 // size, 12 // size), values)
    transform = moved(UTM["transform"], 0, 0, size)
    write_raster(path, np.asarray(values, np.uint16)[:, :, None], crs=UTM["crs"], transform=transform)


def product(folder, metadata="MTD_MSIL1C.xml", text="", granule="L1C_T33UUU_A033753_20230823T095553", bands=("B02",)):
    """Level 1C: each band holds a thousand times its number in native order, from 1."""
    for number, band in enumerate(bands, start=1):
        write_band(folder / f"GRANULE/{granule}/IMG_DATA/T33UUU_20230823T095559_{band}.tif", 1000 * number)
    if metadata:
        (folder / metadata).write_text(text or level_1c(), encoding="utf-8")
    return folder


# --- names and folders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "text"),
    [("MTD_MSIL1C.xml", level_1c()), ("mtd_msil1c.XML", level_1c()), ("MTD_MSIL2A.xml", level_2a()),
     ("MTD_MSIL2A.xml", level_2a("L2A_BOA_QUANTIFICATION_VALUE", baseline="02.05")),
     ("S2A_OPER_MTD_SAFL1C_PDMC_20160830T143223_R122.xml", level_1c(baseline="02.04")),
     ("S2A_USER_MTD_SAFL2A_PDMC_20160830T143223_R122.xml", level_2a("L2A_BOA_QUANTIFICATION_VALUE", baseline="02.04")),
     ("S2A_USER_MTD_SAFL2A.xml", level_2a("L2A_BOA_QUANTIFICATION_VALUE"))],
)  # fmt: skip
def test_metadata_of_all_baselines(tmp_path, metadata, text):
    found = open_image(product(tmp_path / "a.SAFE", metadata, text))
    np.testing.assert_allclose(physical(found).read(), np.full((12, 12, 1), 0.1), rtol=1e-6)
    assert (found.notes, found.nodata, found.names) == ((), (0,), ("B02",))


def test_level_2a_has_its_own_metadata_before_that_of_1c(tmp_path):
    folder = product(tmp_path / "a.SAFE", "MTD_MSIL2A.xml", level_2a(quantification=1000))
    (folder / "MTD_MSIL1C.xml").write_text(level_1c(), encoding="utf-8")
    assert open_image(folder).scale.tolist() == [1e-3]


def test_names_of_old_files(tmp_path):
    folder = tmp_path / OLD
    granule = folder / "GRANULE" / OLD_GRANULE.format(tile="T32TQR")
    for band in ("B8A", "B09"):
        write_band(granule / f"IMG_DATA/S2A_OPER_MSI_L1C_TL_SGS__20160830T143223_A006207_T32TQR_{band}.tif", 1000)
    (folder / "S2A_OPER_MTD_SAFL1C_PDMC_20160830T143223_R122.xml").write_text(level_1c(), encoding="utf-8")
    found = open_image(folder)
    assert (found.names, found.wavelengths.tolist(), found.notes) == (("B8A", "B09"), [864.7, 945.1], ())
    assert found.fwhm.tolist() == [21, 20]


def test_a_product_of_several_granules_is_named_by_one(tmp_path):
    tiles = [OLD_GRANULE.format(tile=f"T32T{number:02}") for number in range(12)]
    for number, tile in enumerate(tiles):
        product(tmp_path / OLD, granule=tile, bands=["B02", "B03"][: 1 + number % 2])
    message = refuses(open_image, tmp_path / OLD)
    assert "holds 12 granules; name one of the folders in" in message
    assert message.endswith(f"{tiles[9]} and 2 more")
    granule = tmp_path / OLD / "GRANULE" / tiles[1]
    found = open_image(granule)
    assert (found.path, found.names, found.notes) == (granule, ("B02", "B03"), ())
    np.testing.assert_allclose(physical(found).read()[0, 0], [0.1, 0.2], rtol=1e-6)
    assert names_one_image(granule)
    assert name_of(granule) == tiles[1]
    # Elsewhere it belongs to no product.
    (tmp_path / OLD / "elsewhere").mkdir()
    assert open_image(granule.rename(tmp_path / OLD / "elsewhere/alone")).scale is None


@pytest.mark.parametrize("name", ["town", "S2A_MSIL1C_20230823T095559_N05.09"])
def test_a_product_of_another_name(tmp_path, name):
    folder = product(tmp_path / name)
    assert is_image(folder)
    assert names_one_image(folder)
    assert name_of(folder) == name
    assert open_image(folder).format == "Sentinel-2 SAFE"
    (folder / "MTD_MSIL1C.xml").rename(tmp_path / "MTD_MSIL1C.xml")
    assert not is_image(folder)
    assert not names_one_image(tmp_path)


def test_what_is_named_in_place_of_the_folder(tmp_path):
    folder = product(tmp_path / "a.SAFE")
    assert refuses(open_image, folder / "MTD_MSIL1C.xml").endswith(
        f"metadata of a Sentinel-2 product; name its folder, {folder}"
    )
    archive = tmp_path / "S2A_MSIL1C.zip"
    archive.write_bytes(b"PK\3\4")
    assert refuses(open_image, archive).endswith("an archive; unpack it, and name the folder that was in it")
    (tmp_path / "b.SAFE").mkdir()
    folder.rename(tmp_path / "b.SAFE/a.SAFE")
    assert f"name the product in it, {tmp_path / 'b.SAFE/a.SAFE'}" in refuses(open_image, tmp_path / "b.SAFE")


# --- reflectance -----------------------------------------------------------------------------------------------------


def test_without_metadata_values_are_stored_numbers(tmp_path):
    found = open_image(product(tmp_path / "a.SAFE", metadata=None))
    assert found.scale is found.offset is None
    assert found.nodata == (0,)
    assert found.notes == (
        "it has no metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml): its values are stored numbers, not reflectance",
    )


@pytest.mark.parametrize("metadata", [None, "MTD_MSIL1C.xml"])
def test_what_the_files_of_bands_say(tmp_path, metadata):
    folder = product(tmp_path / "a.SAFE", metadata)
    band = np.full((12, 12, 1), 1000, np.uint16)
    write_raster(next(folder.rglob("*B02.tif")), band, tags={"wavelength": [0.49]}, scale=(1e-3, 0.5), **UTM)
    found = open_image(folder)
    # The metadata of the product counts before theirs.
    np.testing.assert_allclose(physical(found).read(), 0.1 if metadata else 1.5, rtol=1e-6)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("T33UUU_20230823T095559_B02.tif: its wavelengths, 0.49")


@pytest.mark.parametrize(("metadata", "build"), [("MTD_MSIL1C.xml", level_1c), ("MTD_MSIL2A.xml", level_2a)])
def test_offsets_are_those_of_the_bands(tmp_path, metadata, build):
    # By band_id, 7 is B08, 8 is B8A, 9 is B09 and 12 is B12.
    offsets = {7: -1000, 8: -800, 9: -600, 12: -400}
    bands = ("B08", "B8A", "B09", "B12")
    found = open_image(product(tmp_path / "a.SAFE", metadata, build(offsets=offsets, baseline="05.09"), bands=bands))
    # (1000 · 1 … 4 + offset) / 10,000
    np.testing.assert_allclose(physical(found).read()[3, 4], [0, 0.12, 0.24, 0.36], atol=1e-7)
    assert found.notes == ()


def test_offsets_that_are_missing_are_told(tmp_path):
    bands = ("B02", "B03", "B12")
    lacks = "MTD_MSIL1C.xml has no RADIO_ADD_OFFSET for {}; 0 is taken"
    strange = "MTD_MSIL1C.xml has a RADIO_ADD_OFFSET for no known band (band_id); it is not used"
    cases = (
        ({1: -1000}, "", (lacks.format("B03, B12"),)),
        ({}, "04.00", (lacks.format("B02, B03, B12"),)),
        ({}, "03.01", ()),
        ({}, "unknown", ()),
        ({1: -1000, 2: 0, 12: 0, "x": 5}, "", (strange,)),
        ({1: -1000, 2: 0, 12: 0, "9" * 5000: 5}, "", (strange,)),
    )
    for number, (offsets, baseline, notes) in enumerate(cases):
        text = level_1c(offsets=offsets, baseline=baseline)
        found = open_image(product(tmp_path / f"{number}.SAFE", text=text, bands=bands))
        assert found.notes == notes
        np.testing.assert_allclose(found.offset, [offsets.get(1, 0) / 1e4, 0, 0])


@pytest.mark.parametrize("value", ["0", "-10000", "nan", "inf", "x", ""])
def test_quantification_values_that_are_refused(tmp_path, value):
    folder = product(tmp_path / "a.SAFE", text=level_1c(quantification=value))
    message = refuses(open_image, folder)
    assert "no QUANTIFICATION_VALUE above 0" in message or "QUANTIFICATION_VALUE is not a number" in message


def test_level_1b_is_refused(tmp_path):
    assert "of level 1B has no map grid" in refuses(open_image, product(tmp_path / "a.SAFE", "S2B_OPER_MTD_SAFL1B.xml"))


# --- special values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("special", [(0, 65535), (3, 7)])
def test_special_values_are_masked(tmp_path, special):
    folder = product(tmp_path / "a.SAFE", text=level_1c(special=special))
    values = np.full((12, 12), 2000)
    values[0, 0], values[5, 6], values[7, 8] = *special, 0 if special[0] else 1
    write_band(next(folder.rglob("*B02.tif")), values)
    found = open_image(folder)
    assert found.nodata == (special[0],)
    masked = np.isnan(physical(found).read()[:, :, 0])
    assert np.argwhere(masked).tolist() == [[0, 0], [5, 6]]


def test_special_values_of_a_coarser_band_are_not_interpolated(tmp_path):
    folder = product(tmp_path / "a.SAFE", bands=("B02", "B05"))
    coarse = np.full((6, 6), 4000)
    coarse[0, 0], coarse[5, 5] = 0, 65535
    write_band(next(folder.rglob("*B05.tif")), coarse, size=2)
    found = physical(open_image(folder)).read()[:, :, 1]
    masked = np.isnan(found)
    # Around the middles of the two coarse pixels; whatever is left is what the others hold.
    assert masked[:2, :2].any()
    assert masked[-2:, -2:].any()
    assert not masked[3:9, 3:9].any()
    np.testing.assert_allclose(found[~masked], 0.4, rtol=1e-6)
