"""ENVI images: what their headers must say, what is guessed or passed over, packed pixels, and places."""

import gzip
import math
import re

import numpy as np
import pytest
from rasterio.crs import CRS

from hscd.readers import envi_header, is_image, name_of, names_one_image, open_image, read_image, read_label_map
from hscd.scenes.grids import same_grid
from image_files import random_array, refuses
from raster_scenes import UTM, write_raster

TYPES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12, "u4": 13, "i8": 14, "u8": 15}
AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
IMAGE = random_array((5, 4, 3), np.int16)


def write(path, image=IMAGE, *, interleave="bsq", order="<", pixels=lambda content: content, **keys):
    """An image and its header; `keys` with _ for spaces, None for one that is left out."""
    rows, columns, bands = image.shape
    dtype = image.dtype.newbyteorder(order)
    fields = {
        "samples": columns, "lines": rows, "bands": bands, "data type": TYPES[image.dtype.str[1:]],
        "interleave": interleave, "byte order": int(order == ">"),
    } | {key.replace("_", " "): value for key, value in keys.items()}  # fmt: skip
    path.write_bytes(pixels(np.ascontiguousarray(image.transpose(AXES[interleave]).astype(dtype)).tobytes()))
    text = "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)
    header = path.with_suffix(".hdr")
    header.write_text(f"ENVI\n{text}", encoding="utf-8")
    return header


def edited(header, change):
    header.write_text(change(header.read_text(encoding="utf-8")), encoding="utf-8")
    return header


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("interleave", AXES)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f4", "f8"])
def test_types_interleaves_byte_orders_and_offsets(tmp_path, dtype, interleave, order, packed):
    image = random_array((5, 4, 3), np.dtype(dtype))
    pack = gzip.compress if packed else bytes
    header = write(
        tmp_path / "a.img", image, interleave=interleave, order=order, header_offset=7, file_compression=int(packed),
        pixels=lambda content: pack(b"offset." + content), reflectance_scale_factor=100, bbl="{1, 0, 1}",
        data_offset_values="{0, 1, 2}", band_names="{red, green, blue}",
    )  # fmt: skip
    edited(header, lambda text: text.replace(f"= {interleave}", f"= {interleave.upper()}"))
    found = open_image(header)
    np.testing.assert_array_equal(found.read(), image, strict=True)
    np.testing.assert_array_equal(found.window(slice(1, 4), slice(2, 3)), image[1:4, 2:3], strict=True)
    assert (found.scale.tolist(), found.offset.tolist()) == ([0.01] * 3, [0, 1, 2])
    assert found.bad_bands.tolist() == [False, True, False]
    assert (found.names, found.notes) == (("red", "green", "blue"), ())
    assert (found.block == (5, 4)) == packed


def test_what_is_written_otherwise(tmp_path):
    header = write(tmp_path / "a.img", wavelength="{0.4,\n 0.5 ,\n; a comment = {\n0.6,\n}", wavelength_units="{um}")
    content = header.read_bytes().replace(b"data type", b"Data_Type  ").replace(b"samples", b"  SAMPLES")
    # A comment, a line that says nothing, Latin-1, and the line ends of other systems.
    content += "; bands = 7\nnothing\ndescription = {a = b, fa\xe7ade}\n".encode("latin-1")
    for ends in (b"\n", b"\r\n", b"\r"):
        header.write_bytes(content.replace(b"\n", ends))
        found = open_image(header)
        np.testing.assert_array_equal(found.read(), IMAGE, strict=True)
        np.testing.assert_allclose(found.wavelengths, [400, 500, 600])
        assert found.notes == ()


@pytest.mark.parametrize("key", ["samples", "lines", "bands", "data type", "interleave"])
def test_mandatory_keys(tmp_path, key):
    header = edited(write(tmp_path / "a.img"), lambda text: re.sub(f"{key} = .*\n", "", text))
    message = refuses(open_image, header)
    assert f"has no `{key}`, which an ENVI header must have" in message
    if key == "interleave":
        assert message.endswith("bsq, bil, bip")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("interleave", "bup", "interleave = bup: expected bsq, bil, bip"), ("interleave", "", "expected bsq"),
     ("samples", "-4", "samples = -4: expected a whole number from 1 to 2147483647"),
     ("samples", "4.0", "whole number"),
     ("lines", "0", "whole number"), ("bands", "9999999999", "whole number"), ("bands", "{3}", "whole number"),
     ("header offset", "-1", "expected a whole number from 0"), ("byte order", "2", "byte order = 2: expected 0 or 1"),
     ("file compression", "yes", "expected 0 or 1"), ("data type", "7", "data type = 7: expected one of 1 (uint8), 2"),
     ("data type", "x", "expected one of 1 (uint8)"), ("data type", "6", "complex ones (complex64)"),
     ("data type", "9", "complex ones (complex128)"), ("file type", "ENVI Spectral Library", "this is not an image"),
     ("file type", "ENVI Meta File", "this is not an image"), ("minor frame offsets", "{1, 0}", "minor frame offsets"),
     ("major frame offsets", "{1, 0}", "major frame offsets in such a file"),
     ("major frame offsets", "{1}", "two numbers")],
)  # fmt: skip
def test_values_that_are_refused(tmp_path, key, value, said):
    header = edited(write(tmp_path / "a.img"), lambda text: re.sub(f"{key} = .*\n", "", text) + f"{key} = {value}\n")
    assert said in refuses(open_image, header)


def test_headers_that_contradict_themselves_or_end_too_early(tmp_path):
    header = write(tmp_path / "a.img")
    text = header.read_text(encoding="utf-8")
    header.write_text(f"{text}interleave = bsq\nbands = 4\n", encoding="utf-8")
    assert "says `bands` twice, with different values" in refuses(open_image, header)
    header.write_text(f"{text}wavelength = {{1,\n2,\n", encoding="utf-8")
    assert "the list of `wavelength` does not end" in refuses(open_image, header)
    header.write_text(f"\ufeff{text}", encoding="utf-8")
    assert is_image(header)  # or nothing would say why it is not
    assert "byte order mark" in refuses(open_image, header)
    header.write_text(text[1:], encoding="utf-8")
    assert "expected an ENVI header, whose first line is ENVI" in refuses(open_image, header)


def test_a_header_larger_than_any_is(tmp_path, monkeypatch):
    header = write(tmp_path / "a.img")
    monkeypatch.setattr(envi_header, "_LARGEST_BYTES", header.stat().st_size)
    assert open_image(header).notes == ()
    monkeypatch.setattr(envi_header, "_LARGEST_BYTES", header.stat().st_size - 1)
    assert "too large to be an ENVI header" in refuses(open_image, header)


def test_a_missing_byte_order_is_little_endian(tmp_path):
    found = open_image(write(tmp_path / "a.img", byte_order=None))
    np.testing.assert_array_equal(found.read(), IMAGE)
    assert found.notes == ("it has no `byte order`; its values are taken for little-endian (0)",)
    assert open_image(write(tmp_path / "b.img", IMAGE.astype("u1"), byte_order=None)).notes == ()


@pytest.mark.parametrize(("kind", "noted"), [("ENVI Standard", 0), ("ENVI Classification", 0), ("ENVI Foo", 1)])
def test_file_types(tmp_path, kind, noted):
    labels = random_array((5, 4, 1), np.uint8)
    header = write(tmp_path / "a", labels, file_type=kind, classes=2, class_names="{Unclassified, changed}")
    assert len(open_image(header).notes) == noted
    np.testing.assert_array_equal(read_label_map(header), labels[:, :, 0])


def test_frame_offsets(tmp_path):
    # Before each row of all bands 2 bytes, behind it 3.
    rows = b"".join(b"--" + row.tobytes() + b"---" for row in IMAGE.astype("<i2"))
    header = write(tmp_path / "a.img", interleave="bip", major_frame_offsets="{2, 3}", pixels=lambda _: rows)
    found = open_image(header)
    np.testing.assert_array_equal(found.read(), IMAGE)
    assert found.notes == ()
    one = IMAGE[:, :, :1]
    rows_of_one = b"".join(b"--" + row.tobytes() + b"-" for row in one.astype("<i2"))
    header_of_one = write(tmp_path / "b.img", one, major_frame_offsets="{2, 1}", pixels=lambda _: rows_of_one)
    np.testing.assert_array_equal(read_image(header_of_one), one)
    packed = write(tmp_path / "c.img", interleave="bip", major_frame_offsets="{2, 3}", file_compression=1)
    assert "major frame offsets in such a file are not read" in refuses(open_image, packed)
    (tmp_path / "a.img").write_bytes(rows[:-1])
    # 5 · (4 · 3 · 2 + 5) bytes.
    assert "truncated: 144 bytes, its header describes 145" in refuses_below(header, tmp_path / "a.img")


# --- what is passed over ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "nodata"),
    [("-9999", -9999), ("{-9999}", -9999), ("-9.999e3", -9999), ("", None), ("None", None), ("{}", None),
     ("{1, 2}", None), ("-99999", None), ("0.5", None), ("nan", None)],
)  # fmt: skip
def test_data_ignore_values(tmp_path, value, nodata):
    found = open_image(write(tmp_path / "a.img", data_ignore_value=value))
    assert found.nodata == (() if nodata is None else (nodata,) * 3)
    assert len(found.notes) == (nodata is None)
    assert all("data ignore value" in note and note.endswith("and not used") for note in found.notes)


def test_data_ignore_value_of_floating_point_may_be_nan(tmp_path):
    found = open_image(write(tmp_path / "a.img", IMAGE.astype("f4"), data_ignore_value="NaN"))
    assert len(found.nodata) == 3
    assert np.isnan(found.nodata).all()
    assert found.notes == ()


@pytest.mark.parametrize("key", ["wavelength", "bbl", "band names", "data gain values", "data offset values"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_lists_of_another_length_are_not_used(tmp_path, key, count):
    values = "{" + ", ".join(["0.5"] * count) + "}"
    found = open_image(write(tmp_path / "a.img", **{key.replace(" ", "_"): values}))
    assert found.wavelengths is found.bad_bands is found.scale is found.offset is None
    assert found.names == ()
    assert found.notes == (f"its `{key}` has {count} entries for 3 bands, and is not used",)


@pytest.mark.parametrize(
    ("keys", "scale", "offset", "noted"),
    [({"data_gain_values": "{1, 2, 4}"}, [1, 2, 4], [0] * 3, 0),
     ({"data_gain_values": "{2, 2, 2}", "data_offset_values": "{1, 0, -1}"}, [2] * 3, [1, 0, -1], 0),
     ({"data_gain_values": "{2, 2, 2}", "reflectance_scale_factor": 100}, [2] * 3, [0] * 3, 1),
     ({"data_offset_values": "{1, 0, -1}"}, [1] * 3, [1, 0, -1], 0),
     ({"reflectance_scale_factor": "inf"}, None, None, 1),
     ({"reflectance_scale_factor": "{4}"}, [0.25] * 3, [0] * 3, 0), ({"reflectance_scale_factor": 1}, None, None, 0),
     ({"reflectance_scale_factor": "x"}, None, None, 1), ({"reflectance_scale_factor": 0}, None, None, 1),
     ({"data_gain_values": "{1, 0, 1}"}, None, None, 1), ({"data_gain_values": "{1, x, 1}"}, None, None, 1),
     ({"data_gain_values": "{1, 1, 1}", "data_offset_values": "{0, 0, 0}"}, None, None, 0)],
)  # fmt: skip
def test_gains_offsets_and_scale_factor(tmp_path, keys, scale, offset, noted):
    found = open_image(write(tmp_path / "a.img", **keys))
    assert [None if values is None else values.tolist() for values in (found.scale, found.offset)] == [scale, offset]
    assert len(found.notes) == noted


def test_wavelengths_and_names_are_those_of_the_header(tmp_path):
    keys = {"wavelength": "{400, 500, 600}", "wavelength_units": "Nanometers", "band_names": "{a, b, c}"}
    assert open_image(write(tmp_path / "w.img", fwhm="{8, 9, 10}", **keys)).fwhm.tolist() == [8, 9, 10]
    in_micrometres = {"wavelength": "{0.4, 0.5, 0.6}", "wavelength_units": "um", "fwhm": "{0.008, 0.009, 0.01}"}
    np.testing.assert_allclose(open_image(write(tmp_path / "m.img", **in_micrometres)).fwhm, [8, 9, 10])
    found = open_image(write(tmp_path / "a.img", **keys))
    assert (found.wavelengths.tolist(), found.names, found.notes) == ([400, 500, 600], ("a", "b", "c"), ())
    found = open_image(write(tmp_path / "b.img", wavelength="{0.4, 0.5, 0.6}"))
    np.testing.assert_allclose(found.wavelengths, [400, 500, 600])
    assert found.notes == ("its wavelengths, 0.4 … 0.6 without a unit, are taken for micrometres",)


# --- sizes and packed files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 60, 120, 121])
def test_truncated_behind_a_header_offset(tmp_path, missing):
    # 5 · 4 · 3 values of 2 bytes after 1000.
    header = write(tmp_path / "a.img", header_offset=1000, pixels=lambda content: (bytes(1000) + content)[:-missing])
    assert f"truncated: {1120 - missing} bytes, its header describes 1120" in refuses_below(header, tmp_path / "a.img")


def test_longer_than_described(tmp_path):
    found = open_image(write(tmp_path / "a.img", header_offset=3, pixels=lambda content: b"123" + content + b"45"))
    np.testing.assert_array_equal(found.read(), IMAGE)
    assert found.notes == ("its pixels take 125 bytes, of which its header describes 123; the others are not used",)
    found = open_image(write(tmp_path / "b.img", file_compression=1, pixels=lambda c: gzip.compress(c + b"45")))
    np.testing.assert_array_equal(found.read(), IMAGE)
    assert found.notes == ("its pixels take 122 bytes, of which its header describes 120; the others are not used",)


def test_packed_in_several_parts(tmp_path):
    parts = lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:])  # noqa: E731
    found = open_image(write(tmp_path / "a.img", file_compression=1, pixels=parts))
    np.testing.assert_array_equal(found.read(), IMAGE, strict=True)
    assert found.notes == ()


def test_packed_pixels_that_are_damaged(tmp_path):
    packed = gzip.compress(IMAGE.tobytes())
    for content in (
        packed[:-9],
        packed[:20],
        packed[:20] + b"\xff" * 20 + packed[40:],
        packed[:-6] + b"\1" + packed[-5:],
        gzip.compress(IMAGE.tobytes()[:-1]),
    ):
        header = write(tmp_path / "a.img", file_compression=1, pixels=lambda _, content=content: content)
        assert "a.img: truncated or damaged gzip file" in str(refuses_below(header, tmp_path / "a.img"))
    # An offset beyond the end.
    header = write(tmp_path / "a.img", file_compression=1, header_offset=200, pixels=gzip.compress)
    assert "it ends too early" in refuses_below(header, tmp_path / "a.img")


def refuses_below(header, data):
    """The message of what refuses a header, and names the file of its pixels."""
    return refuses(lambda _: read_image(header), data)


def test_packed_or_not_against_what_the_header_says(tmp_path):
    write(tmp_path / "a.img", file_compression=1)
    assert "is not packed by gzip, as file compression = 1" in refuses_below(tmp_path / "a.hdr", tmp_path / "a.img")
    zeros = np.zeros((50, 40, 3), np.int16)
    write(tmp_path / "a.img", zeros, pixels=gzip.compress)
    assert "its header lacks file compression = 1" in refuses_below(tmp_path / "a.hdr", tmp_path / "a.img")


def test_packed_pixels_that_declare_too_much(tmp_path):
    # 2 · 10⁶ zeros of 2 bytes in some 4 kB.
    header = write(
        tmp_path / "a.img", np.zeros((1000, 2000, 1), np.int16), file_compression=1, pixels=gzip.compress
    )  # fmt: skip
    assert not read_image(header).any()
    message = refuses(lambda _: open_image(header, None, 2**20).read(), tmp_path / "a.img")
    assert "declares 4 MB, more than the 1 MB that are available" in message
    # So much no packed file of this size can hold.
    edited(header, lambda text: text.replace("bands = 1", "bands = 1000"))
    assert "packed bytes, its header describes 4000000000" in refuses_below(header, tmp_path / "a.img")


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a.img", "a.dat", "a.bsq", "a.IMG", "a.b.raw", "a.of_another_kind"])
def test_the_pixels_may_be_named(tmp_path, name):
    header = write(tmp_path / name)
    for file in (header, tmp_path / f"{name}.HDR"):
        header = header.rename(file)
        found = open_image(tmp_path / name)
        np.testing.assert_array_equal(found.read(), IMAGE, strict=True)
        assert (found.path, found.format) == (tmp_path / name, "ENVI")
        assert name_of(tmp_path / name) == ("a.b" if name == "a.b.raw" else "a")
        assert names_one_image(tmp_path / name)
        assert not is_image(tmp_path / name)  # its header is


def test_a_pair_of_files_is_one_image(tmp_path):
    write(tmp_path / "a.img")
    write(tmp_path / "b.dat").rename(tmp_path / "b.dat.hdr")
    # The header of b.dat is b.dat.hdr, as for GDAL; b.hdr is of b.
    write(tmp_path / "b", IMAGE[:2])
    images = sorted(entry.name for entry in tmp_path.iterdir() if is_image(entry))
    assert images == ["a.hdr", "b.dat.hdr", "b.hdr"]
    assert (open_image(tmp_path / "b.dat").shape, open_image(tmp_path / "b.hdr").shape) == ((5, 4, 3), (2, 4, 3))


def test_several_files_of_pixels_of_one_header(tmp_path):
    write(tmp_path / "a.dat", IMAGE[::-1])
    found = open_image(write(tmp_path / "a.img"))
    np.testing.assert_array_equal(found.read(), IMAGE)
    assert found.notes == ("a.img is read as its pixels, not a.dat",)


def test_headers_of_other_programs(tmp_path):
    (tmp_path / "a.dat").write_bytes(bytes(100))
    (tmp_path / "a.hdr").write_text("nrows 5\nncols 4\n", encoding="utf-8")
    assert not is_image(tmp_path / "a.hdr")
    assert "expected an ENVI header" in refuses(open_image, tmp_path / "a.hdr")
    assert "unknown format" in refuses(open_image, tmp_path / "a.dat")
    assert refuses(open_image, tmp_path / "a.dat").endswith("of an ENVI image, a.hdr lies beside it")
    # Beside a TIFF it is not for us.
    write_raster(tmp_path / "b.tif", IMAGE, **UTM)
    write(tmp_path / "b.foo")
    (tmp_path / "b.foo").unlink()
    assert not is_image(tmp_path / "b.hdr")
    assert open_image(tmp_path / "b.tif").format == "TIFF"


# --- places ----------------------------------------------------------------------------------------------------------

UTM_51 = "51, North, WGS-84, units=Meters"
ESRI = (
    '{PROJCS["UTM_Zone_51N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER['
    '"False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",123.0],PARAMETER["Scale_'
    'Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]}'
)


@pytest.mark.parametrize(
    ("map_info", "transform", "epsg"),
    [(f"UTM, 1, 1, 1000, 2000, 30, 20, {UTM_51}", (30, 0, 1000, 0, -20, 2000), 32651),
     (f"UTM, 1.5, 1.5, 1000, 2000, 30, 20, {UTM_51}", (30, 0, 985, 0, -20, 2010), 32651),
     (f"UTM, 3, 2, 1000, 2000, 30, 20, {UTM_51}", (30, 0, 940, 0, -20, 2020), 32651),
     ("UTM, 1, 1, 1000, 2000, 30, 20, 51, South, WGS-84", (30, 0, 1000, 0, -20, 2000), 32751),
     ("Geographic Lat/Lon, 1, 1, 11.5, 48.25, 0.001, 0.002, WGS-84, units=Degrees",
      (0.001, 0, 11.5, 0, -0.002, 48.25), 4326),
     ("Geographic Lat/Lon, 1, 1, 690, 2895, 0.06, 0.12, WGS-84, units=Minutes",
      (0.001, 0, 11.5, 0, -0.002, 48.25), 4326)],
)  # fmt: skip
def test_map_info(tmp_path, map_info, transform, epsg):
    found = open_image(write(tmp_path / "a.img", map_info=f"{{{map_info}}}"))
    np.testing.assert_allclose(found.grid.transform, transform, atol=1e-9)
    assert CRS.from_wkt(found.grid.crs) == CRS.from_epsg(epsg)
    assert found.notes == ()


# Turned by 30° counterclockwise, a column leads by (cos, sin) 30° · 30 m, a row by (sin, −cos) 30° · 20 m.
@pytest.mark.parametrize("reference", [(1, 1), (3, 2)])
@pytest.mark.parametrize("key", ["rotation=", " Rotation = "])
def test_map_info_with_a_rotation(tmp_path, reference, key):
    column, row = reference
    map_info = f"{{UTM, {column}, {row}, 1000, 2000, 30, 20, {UTM_51}, {key}30.0}}"
    found = open_image(write(tmp_path / "a.img", map_info=map_info))
    a, d, b, e = 30 * math.sqrt(3) / 2, 15, 10, -20 * math.sqrt(3) / 2
    x, y = 1000 - (column - 1) * a - (row - 1) * b, 2000 - (column - 1) * d - (row - 1) * e
    np.testing.assert_allclose(found.grid.transform, (a, b, x, d, e, y))
    assert found.notes == ()


def test_a_rotation_in_minutes(tmp_path):
    map_info = "{Geographic Lat/Lon, 2, 1, 690, 2895, 0.06, 0.06, WGS-84, units=Minutes, rotation=90}"
    found = open_image(write(tmp_path / "a.img", map_info=map_info))
    # Columns lead to the north, rows to the east, by 0.001°.
    np.testing.assert_allclose(found.grid.transform, (0, 0.001, 11.5, 0.001, 0, 48.25 - 0.001), atol=1e-9)


@pytest.mark.parametrize("rotation", [180, -180])
def test_rows_from_south_to_north(tmp_path, rotation):
    map_info = f"{{UTM, 1, 3, 1000, 2000, 30, 20, {UTM_51}, rotation={rotation}}}"
    found = open_image(write(tmp_path / "a.img", map_info=map_info))
    np.testing.assert_allclose(found.grid.transform, (30, 0, 1000, 0, 20, 1960))
    assert found.notes == (f"rotation={rotation} in its map info is taken for rows from south to north",)


@pytest.mark.parametrize("map_info", ["Arbitrary, 1, 1, 0, 0, 1, 1, 0, North", "Arbitrary, 1.5, 1.5, 7, 9, 1, 1"])
def test_an_arbitrary_place_is_none(tmp_path, map_info):
    found = open_image(write(tmp_path / "a.img", map_info=f"{{{map_info}}}"))
    assert found.grid is None
    assert found.notes == ("its map info is of an arbitrary system, no place; it is not used",)


@pytest.mark.parametrize("map_info", ["UTM, 1, 1, 1000", f"UTM, 1, 1, x, 2000, 30, 20, {UTM_51}",
                                      f"UTM, 1, 1, 1, 2000, 30, 20, {UTM_51}, rotation=x"])  # fmt: skip
def test_map_info_that_is_not_readable(tmp_path, map_info):
    found = open_image(write(tmp_path / "a.img", map_info=f"{{{map_info}}}"))
    assert (found.grid, found.notes) == (None, ("its map info is not readable, and not used",))


@pytest.mark.parametrize(
    ("end", "note"),
    [("51, North", "its map info names no datum; North America 1927 is taken"),
     ("51, North, units=Meters", "its map info names no datum; North America 1927 is taken"),
     ("51, North, Pulkovo 1942", "its datum, 'Pulkovo 1942', is not known; WGS 84 is taken"),
     ("51, North, North America 1983", None), ("51, North, European 1950 (Western Europe)", None)],
)  # fmt: skip
def test_datums(tmp_path, end, note):
    found = open_image(write(tmp_path / "a.img", map_info=f"{{UTM, 1, 1, 1000, 2000, 30, 20, {end}}}"))
    assert found.grid.transform == (30, 0, 1000, 0, -20, 2000)
    assert found.notes == ((note,) if note else ())


def test_a_system_that_nobody_knows(tmp_path):
    found = open_image(write(tmp_path / "a.img", map_info="{Town Grid, 1, 1, 1000, 2000, 30, 20}"))
    assert (found.grid.transform, found.grid.crs) == ((30, 0, 1000, 0, -20, 2000), "")
    assert found.notes == ("its coordinate system, 'Town Grid', is not known; it is taken for that of the other image",)


def test_a_coordinate_system_string_is_that_of_epsg(tmp_path):
    map_info = f"{{UTM, 1, 1, 203325, 3604935, 30, 30, {UTM_51}}}"
    envi = open_image(write(tmp_path / "a.img", map_info=map_info, coordinate_system_string=ESRI))
    write_raster(
        tmp_path / "b.tif", IMAGE, crs="EPSG:32651", transform=type(UTM["transform"])(30, 0, 203325, 0, -30, 3604935)
    )
    assert same_grid(envi, open_image(tmp_path / "b.tif"))
    assert envi.notes == ()
    # It counts whatever the projection of map info.
    for other in ("Arbitrary, 1, 1, 203325, 3604935, 30, 30", "UTM, 1, 1, 203325, 3604935, 30, 30, 51, North"):
        found = open_image(write(tmp_path / "c.img", map_info=f"{{{other}}}", coordinate_system_string=ESRI))
        assert same_grid(found, envi)
        assert found.notes == ()
