"""`bands = common` from the command: two sensors of one place, by files."""

import json

import numpy as np
import rasterio

import detect
from conftest import SHARED, needs_shared
from hscd.readers.sentinel_2 import FWHM, WAVELENGTHS
from hscd.scenes.common_bands import Responses, weights

UTM = {"crs": "EPSG:32633", "transform": rasterio.Affine(30, 0, 366975, 0, -30, 5808045)}
FINE = Responses(np.arange(410.0, 2450, 10), np.full(204, 10.0))
BROAD = Responses(np.array(list(WAVELENGTHS.values())), np.array(list(FWHM.values()), float))


def write(path, pixels, responses, **more):
    with rasterio.open(
        path, "w", driver="GTiff", height=pixels.shape[0], width=pixels.shape[1], count=pixels.shape[2],
        dtype="float32", **UTM, **more,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(pixels, 2, 0).astype(np.float32))
        for band, (centre, width) in enumerate(zip(*responses, strict=True), start=1):
            file.update_tags(band, wavelength=str(centre), wavelength_units="Nanometers", fwhm=str(width))


def spectra(seed=0):
    """(rows, columns, bands) of the fine sensor: smooth mixtures of three materials."""
    rng = np.random.default_rng(seed)
    nm = FINE.centres
    materials = np.stack([0.3 + 0.1 * np.sin(nm / 300), 0.1 + nm / 8000, 0.4 - 0.1 * np.cos(nm / 450)])
    shares = rng.dirichlet(np.ones(3), (40, 50))
    return shares @ materials + rng.normal(0, 1e-3, (40, 50, len(nm)))


def noisy(pixels):
    return pixels + np.random.default_rng(9).normal(0, 1e-3, pixels.shape)


def run(folder, *overrides):
    arguments = [str(folder / "fine.tif"), str(folder / "broad.tif"), "--out", str(folder / "out")]
    for override in ("bands=common", "detector=ED", "threshold=kmeans", *overrides):
        arguments += ["--set", override]
    return detect.main(arguments)


# A square of 8 × 10 pixels has another spectrum on the second date, which another sensor saw.
def test_a_change_between_two_sensors_is_found(tmp_path, capsys):
    before = spectra()
    after = before.copy()
    after[10:18, 20:30] += 0.3
    before[0, 0, 30] = -1  # no data in one band
    write(tmp_path / "fine.tif", before, FINE, nodata=-1)
    write(tmp_path / "broad.tif", after @ weights(BROAD, FINE).T, BROAD, nodata=-1)
    assert run(tmp_path) == 0
    with rasterio.open(tmp_path / "out/change.tif") as file:
        found = file.read(1)
    expected = np.zeros((40, 50), np.uint8)
    expected[10:18, 20:30], expected[0, 0] = 1, 255
    np.testing.assert_array_equal(found, expected)
    # Each coarse band has its part; the fine ones between them have none.
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "common bands" in line]
    assert line.startswith("warning: compared at 13 common bands of 443 to 2202 nm: ")
    assert "fine.tif without " in line
    settings = json.loads((tmp_path / "out/run.json").read_text(encoding="utf-8"))["settings"]
    assert settings["data_sets"]["images"]["bands"] == ["common"]


# 430 to 900 nm are B01 to B8A. Neither file has a list of bad bands.
def test_bands_are_chosen_before_they_are_made_common(tmp_path, capsys):
    image = spectra()
    write(tmp_path / "fine.tif", image, FINE)
    write(tmp_path / "broad.tif", noisy(image @ weights(BROAD, FINE).T), BROAD)
    assert run(tmp_path, "bands=common, 430-900 nm", "bad_bands=water, file") == 0
    assert "compared at 9 common bands of 443 to 865 nm" in capsys.readouterr().err
    with rasterio.open(tmp_path / "out/score.tif") as file:
        assert file.read(1).max() < 0.01  # noise of 0.001 in nine bands, of reflectances up to 0.5


def test_images_without_wavelengths_have_no_common_ones(tmp_path, capsys):
    write(tmp_path / "fine.tif", spectra(), FINE)
    np.save(tmp_path / "broad.npy", spectra())
    images = [str(tmp_path / name) for name in ("fine.tif", "broad.npy")]
    status = detect.main([*images, "--out", str(tmp_path / "out"), "--set", "bands=common"])
    assert status == 2
    said = f"error: --set bands=common: the wavelengths of {tmp_path / 'broad.npy'} are not known\n"
    assert capsys.readouterr().err.endswith(said)


def test_bands_without_data_are_told_to_be_left_out(tmp_path, capsys):
    image = spectra()
    image[..., 40] = -1
    write(tmp_path / "fine.tif", image, FINE, nodata=-1)
    write(tmp_path / "broad.tif", image, FINE, nodata=-1)
    assert run(tmp_path) == 2
    assert "can be left out by wavelength: --set 'bad_bands=file, water, 900-910 nm'\n" in capsys.readouterr().err
    assert run(tmp_path, "bad_bands=805-815 nm") == 0


# A tile of EnMAP, and what Sentinel-2 would have seen there: the bands of both are compared as one sensor's.
@needs_shared
def test_enmap_and_sentinel_2(tmp_path, capsys):
    from hscd.readers import open_image
    from hscd.scenes.common_bands import responses_of
    from hscd.scenes.image import physical, with_bands

    path = SHARED / "data/enmap_tile/enmap_potsdam_tile_160_64.tif"
    enmap = physical(open_image(path))
    enmap = with_bands(enmap, np.flatnonzero(~enmap.bad_bands & np.isfinite(enmap.read()).all(axis=(0, 1))))
    fine = responses_of(enmap)
    assert 5 < np.median(enmap.fwhm) < 12
    write(tmp_path / "fine.tif", enmap.read(), fine)
    write(tmp_path / "broad.tif", noisy(enmap.read() @ weights(BROAD, fine).T), BROAD)
    assert run(tmp_path) == 0
    # Water vapour lets no light through at 1373 nm (B10), and EnMAP has no good band there.
    said = capsys.readouterr().err
    assert "compared at 12 common bands of 443 to 2202 nm" in said
    assert "broad.tif without 1374 nm" in said
    with rasterio.open(tmp_path / "out/score.tif") as file:
        assert file.read(1).max() < 0.01
