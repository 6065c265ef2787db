"""Images of thousands of bands."""

import numpy as np
import rasterio

from hscd.readers import read_image
from hscd.readers.many_bands import many_bands
from raster_scenes import UTM, write_raster


def test_bands_are_read_as_ever(tmp_path):
    image = np.random.default_rng(0).integers(0, 9, (3, 4, 500), np.uint16)
    write_raster(tmp_path / "a.tif", image, **UTM)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


def test_no_band_is_looked_up_one_by_one(tmp_path):
    write_raster(tmp_path / "a.tif", np.zeros((1, 1, 3), np.uint8), **UTM)
    with many_bands(rasterio.open(tmp_path / "a.tif")) as source:
        assert isinstance(source, rasterio.io.DatasetReader)
        assert source.indexes == range(1, 4)  # in which a number is found without a search
        assert source.read([2, 3]).shape == (2, 1, 1)
