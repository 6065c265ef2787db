"""The field's data sets as they are published: small files of the same names, variables, types and label values.

They are read through the shipped net.conf, copied beside the data.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.io import savemat

import dataprocessing as dp
import inspect_data
import pair_finding
from conftest import PROJECT, make_pair, write_bands
from hscd.system.errors import InputError
from settings import read_settings

ROWS, COLUMNS, CHANGED = 20, 30, 63  # the rectangle of make_pair is 7 × 9
UNCHANGED = ROWS * COLUMNS - CHANGED - 4 * COLUMNS  # of labels with unknown pixels, which are the last 4 rows

Images = tuple[np.ndarray, np.ndarray]


def scene(bands: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return make_pair(bands, ROWS, COLUMNS, bands)


def three_files(
    names: tuple[str, str, str],
    variables: tuple[str, str, str],
    bands: int,
    values: tuple[float, float, float | None],
    dtype: str = "u1",
) -> Callable[[Path], Images]:
    """A writer of before, after and label file; `values` are those of changed, unchanged and unknown pixels."""

    def write(folder: Path) -> Images:
        before, after, changed = scene(bands)
        labels = np.where(changed, values[0], values[1])
        if values[2] is not None:
            labels[-4:] = values[2]
        for name, variable, array in zip(names, variables, (before, after, labels.astype(dtype)), strict=True):
            savemat(folder / name, {variable: array})
        return before, after

    return write  # fmt: skip


def one_file(name: str, bands: int) -> Callable[[Path], Images]:
    def write(folder: Path) -> Images:
        before, after, changed = scene(bands)
        binary = changed.astype(np.uint8)
        savemat(folder / name, {"T1": before, "T2": after, "Binary": binary, "Multiple": binary * 3})
        return before, after

    return write


def hermiston(folder: Path) -> Images:
    names = ("hermiston2004.mat", "hermiston2007.mat", "rdChangesHermiston_5classes.mat")
    before, after, changed = scene(12)
    kinds = 1 + np.arange(COLUMNS)[None, :] % 5
    labels = np.where(changed, kinds, 0).astype(np.float64)
    for name, variable, array in zip(
        names, ("HypeRvieW", "HypeRvieW", "gt5clasesHermiston"), (before, after, labels), strict=True
    ):
        savemat(folder / name, {variable: array})
    return before, after


def landsat(before_name: str, after_name: str, suffix: str) -> Callable[[Path], Images]:
    """Two ENVI files without a suffix of their own, and two pictures, white where the answer is yes."""

    def write(folder: Path) -> Images:
        images = [(image // 20).astype(np.uint8) for image in scene(6)[:2]]
        changed = scene(6)[2]
        for name, image in zip((before_name, after_name), images, strict=True):
            (folder / name).write_bytes(np.moveaxis(image, 2, 0).tobytes())
            bands = ",".join(f" Resize (ETM+ Meta (Band {band}):{name}_MTL.txt)" for band in (1, 2, 3, 4, 5, 7))
            (folder / f"{name}{suffix}").write_text(
                f"ENVI\nsamples = {COLUMNS}\nlines   = {ROWS}\nbands   = 6\nheader offset = 0\n"
                "file type = ENVI Standard\ndata type = 1\ninterleave = bsq\nbyte order = 0\n"
                "map info = {UTM, 1.000, 1.000, 203325.000, 3604935.000, 3.0000000000e+001, 3.0000000000e+001, 51, "
                "North, WGS-84, units=Meters}\nwavelength units = Micrometers\n"
                f"band names = {{\n{bands}}}\n"
                "wavelength = {\n 0.482500, 0.565000, 0.660000, 0.825000, 1.650000, 2.220000}\n",
                encoding="utf-8",
            )
        unchanged = ~changed
        unchanged[-4:] = False
        for name, mask in (("change.bmp", changed), ("unchanged.bmp", unchanged)):
            Picture.fromarray(mask.astype(np.uint8) * 255).save(folder / name)
        return images[0], images[1]

    return write


# Section, its folder of data, its files, and how many pixels are changed, unchanged and unknown.
WITH_UNKNOWN = (CHANGED, UNCHANGED, 4 * COLUMNS)
COMPLETE = (CHANGED, ROWS * COLUMNS - CHANGED, 0)
HYPERVIEW = ("HypeRvieW",) * 3
FARM = (("farm06.mat", "farm07.mat", "label.mat"), ("imgh", "imghl", "label"), 8)
RIVER = ("river_before.mat", "river_after.mat", "groundtruth.mat"), ("river_before", "river_after", "lakelabel_v1"), 9
PUBLISHED = {
    "Bay Area": ("BAY AREA", "bayarea", WITH_UNKNOWN, three_files(
        ("Bay_Area_2013.mat", "Bay_Area_2015.mat", "bayArea_gtChanges2.mat"), HYPERVIEW, 14, (1, 2, 0))),
    "Santa Barbara": ("SANTA BARBARA", "barbara", WITH_UNKNOWN, three_files(
        ("barbara_2013.mat", "barbara_2014.mat", "barbara_gtChanges.mat"), HYPERVIEW, 14, (1, 2, 0))),
    "Hermiston": ("HERMISTON", "hermiston", COMPLETE, hermiston),
    "USA": ("USA", "usa", COMPLETE, one_file("USA_Change_Dataset.mat", 11)),
    "China": ("CHINA", "china", COMPLETE, one_file("China_Change_Dataset.mat", 11)),
    "Yancheng": ("YANCHENG", "yancheng", COMPLETE, three_files(*FARM, (1, 0, None), "f8")),
    "Yancheng, 255": ("YANCHENG", "yancheng", COMPLETE, three_files(*FARM, (255, 0, None))),
    "River": ("RIVER", "river", COMPLETE, three_files(*RIVER, (255, 0, None))),
    "Taizhou": ("TAIZHOU", "taizhou", WITH_UNKNOWN, landsat("2000TM", "2003TM", ".HDR")),
    "Nanjing": ("NANJING", "nanjing", WITH_UNKNOWN, landsat(
        "LT51200382000124BJC00_Nanjing", "LT51200382002193BJC00_Nanjing", ".hdr")),
}  # fmt: skip
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
SPLITS = {
    "OSCD TRAIN": "abudhabi aguasclaras beihai beirut bercy bordeaux cupertino hongkong mumbai nantes paris pisa "
    "rennes saclay_e",
    "OSCD TEST": "brasilia chongqing dubai lasvegas milano montpellier norcia rio saclay_w valencia",
}


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The files that ship with the program, copied to where there is a folder for data."""
    for name in ("net.conf", "oscd.csv"):
        shutil.copy(PROJECT / "Net" / name, tmp_path)
    return tmp_path / "net.conf"


@pytest.mark.parametrize("row", PUBLISHED)
def test_a_row_of_the_field_loads_from_its_section(shipped: Path, row: str, capsys: pytest.CaptureFixture[str]) -> None:
    section, folder, counts, write = PUBLISHED[row]
    data = shipped.parent / "data" / folder
    data.mkdir(parents=True)
    before, after = write(data)
    settings = read_settings(shipped)
    images_a, images_b, labels, (name,) = dp.load_dataset(section, settings)
    np.testing.assert_array_equal(images_a[0], before)
    np.testing.assert_array_equal(images_b[0], after)
    _, found = dp.preprocessing(images_a, images_b, labels, settings[section], True, False)
    assert np.bincount(found, minlength=3).tolist() == list(counts)
    # What is easily confused is told apart by its file and its shape.
    (files,) = pair_finding.pair_files(settings[section])
    assert name == files.before.stem
    print(*inspect_data._pair_lines(files, settings[section], settings)[0])
    told = capsys.readouterr().out
    assert f"{folder}/{files.before.name}, {' × '.join(map(str, before.shape))}" in told
    assert f"{folder}/{files.after.name}, " in told


@pytest.mark.parametrize("section", SPLITS)
def test_oscd_loads_by_its_splits(shipped: Path, section: str) -> None:
    cities = SPLITS[section].split()
    assert len(cities) == {"OSCD TRAIN": 14, "OSCD TEST": 10}[section]
    for number, city in enumerate(cities):
        folder = shipped.parent / "data/onera" / city
        before, after, changed = make_pair(number, 8, 10, len(BANDS))
        for date, image in (("imgs_1_rect", before), ("imgs_2_rect", after)):
            write_bands(folder / date, image)
            for position, name in enumerate(BANDS):
                (folder / date / f"B{position + 1:02}.tif").rename(folder / date / f"new_{name}.tif")
            for name in BANDS:
                (folder / date / f"new_{name}.tif").rename(folder / date / f"{name}.tif")
        (folder / "cm").mkdir()
        Picture.fromarray(np.where(changed, 2, 1).astype(np.uint8)).save(folder / f"cm/{city}-cm.tif")
        Picture.fromarray(changed.astype(np.uint8) * 255).save(folder / "cm/cm.png")
    settings = read_settings(shipped)
    images_a, _, labels, names = dp.load_dataset(section, settings)
    assert names == cities
    # B8A is the last in alphanumeric order, the ninth of make_pair.
    before, _, changed = make_pair(2, 8, 10, len(BANDS))
    np.testing.assert_array_equal(images_a[2], before[:, :, [*range(8), *range(9, 13), 8]])
    np.testing.assert_array_equal(labels[2], np.where(changed, 2, 1))
    # The same with the pictures of the labels.
    listed = shipped.parent / "oscd.csv"
    text = listed.read_text(encoding="utf-8")
    for city in cities:
        text = text.replace(f"{city}-cm.tif", "cm.png")
    listed.write_text(text, encoding="utf-8")
    values = (f"{section}.changedLabel=255", f"{section}.unchangedLabel=0")
    assert (dp.load_dataset(section, read_settings(shipped, values))[2][2] == changed * 255).all()


def test_what_is_not_there_is_told_by_the_inspection(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shipped.parent / "data").mkdir()
    with pytest.raises(InputError) as caught:
        inspect_data.inspect(read_settings(shipped))
    assert len(str(caught.value).splitlines()) == 2  # the demo data, which is to be used
    told = capsys.readouterr().out
    assert told.count("] not found: ") == len(read_settings(shipped).data_sets) - 2
    assert f"[OSCD TEST] not found: any image of {shipped.parent / 'oscd.csv'}" in told
