"""Bands of files that can be read without the others: the same values, and whether that takes less of the file."""

import numpy as np
import pytest
import rasterio

from hscd.readers import checked, open_image, raster
from hscd.scenes.image import ByBands, physical, with_bands

STORED = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)


def written(path, interleave="band", bands=STORED, driver="GTiff"):
    profile = {"driver": driver, "count": len(bands), "height": 6, "width": 7, "dtype": "int16", "nodata": 9,
               "interleave": "bip" if driver == "ENVI" else interleave}  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(bands)
        file.scales, file.offsets = [0.5] * len(bands), [1.0] * len(bands)
    return path


# Pieces of one line, which of the file that has its values pixel by pixel are read at a time.
@pytest.mark.parametrize(("kind", "apart"), [("band", True), ("pixel", False), ("folder", True), ("bip", False)])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_some_bands_are_those_of_all(kind, apart, tmp_path, monkeypatch):
    monkeypatch.setattr(raster, "_PIECE", 1)
    path = tmp_path / "image"
    if kind == "folder":
        path.mkdir()
        for number in range(5):
            written(path / f"B0{number + 1}.tif", bands=STORED[number : number + 1])
    elif kind == "bip":
        path = written(tmp_path / "image.img", driver="ENVI")
    else:
        path = written(tmp_path / "image.tif", kind)
    image = checked(physical(open_image(path)))
    assert isinstance(image.window, ByBands)
    assert image.window.saves_reading is apart
    expected = 1 + 0.5 * np.where(STORED == 9, np.nan, STORED)
    for chosen in ([3, 0], [1, 1, 4], [2]):
        part = with_bands(image, np.array(chosen)).window(slice(1, 5), slice(0, 6))
        np.testing.assert_array_equal(part, np.moveaxis(expected[chosen, 1:5, :6], 0, 2).astype(np.float32))
