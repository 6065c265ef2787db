"""Every kind of bad input, given to the real commands: one line that names the place, and nothing on disk changed.

One case of each kind runs in a process of its own, as long as it fails before TensorFlow is imported; the others run
in this one, where that import is paid for once.
"""

import os
import shutil
from collections.abc import Callable

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

import dataprocessing as dp
import main
from breaking import FOLDERS, B, change_mat, cut, expect, one_pixel, set_pixel
from conftest import Workspace, make_pair, write_bands, write_mat
from hscd.labels import UNCHANGED
from hscd.system.errors import InputError
from raster_scenes import band_of
from settings import read_settings

# --- folders and files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "key"), FOLDERS)
@pytest.mark.parametrize("script", ["predutils", "main"])
def test_a_missing_folder(workspace: Workspace, script: str, part: str, key: str) -> None:
    shutil.rmtree(workspace.folder / f"data/a/{part}")
    expect(workspace.fails(script, alone=part == "after"), f"data/a/{part}: no such file or folder", "PLACE A", key)


def test_a_missing_folder_of_the_test_set_stops_the_training(workspace: Workspace) -> None:
    shutil.rmtree(workspace.folder / "data/b/after")
    expect(workspace.fails("main"), "data/b/after: no such file or folder", "PLACE B", "imgBPath")


@pytest.mark.parametrize(("part", "key"), FOLDERS)
def test_a_missing_file_of_a_pair(workspace: Workspace, part: str, key: str) -> None:
    path = workspace.folder / f"data/b/{part}/west.tif"
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    expect(
        workspace.fails("predutils", B, alone=part == "label"),
        f"data/b/{part}/west.tif: missing",
        "PLACE B",
        key,
        "same name",
    )


def test_empty_folders(workspace: Workspace) -> None:
    for part, _ in FOLDERS:
        (workspace.folder / f"data/a/{part}/town.mat").unlink()
    expect(workspace.fails("predutils"), "data/a/before", "no image", ".mat", ".tif")


def test_a_folder_of_an_image_without_bands(workspace: Workspace) -> None:
    for band in (workspace.folder / "data/b/after/east.tif").iterdir():
        band.unlink()
    expect(workspace.fails("predutils", B), "data/b/after/east.tif", "holds no bands (.tif, .tiff, .jp2)")


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_images_of_a_pair_of_different_shapes(workspace: Workspace) -> None:
    change_mat(workspace, "after", lambda image: image[:, :-1])
    expect(workspace.fails("predutils", alone=True), "data/a/after/town.mat", "(20, 29, 5)", "(20, 30, 5)")


def test_images_of_a_pair_of_different_bands(workspace: Workspace) -> None:
    change_mat(workspace, "after", lambda image: image[:, :, :4])
    expect(workspace.fails("predutils"), "data/a/after/town.mat", "4 bands", "5 in the before image", "bands")


def test_pairs_of_a_data_set_of_different_bands(workspace: Workspace) -> None:
    for part in ("before", "after"):
        (workspace.folder / f"data/b/{part}/west.tif/B05.tif").unlink()
    expect(workspace.fails("predutils", B), "data/b/before/west.tif", "4 bands", "east", "5")


def test_bands_of_an_image_of_different_shapes(workspace: Workspace) -> None:
    file = workspace.folder / "data/b/before/east.tif/B03.tif"
    Image.open(file).resize((12, 9)).save(file)
    expect(workspace.fails("predutils", B), "data/b/before/east.tif/B03.tif", "9 × 12", "18 × 24", "georeferenced")


@pytest.mark.parametrize("turn", [np.transpose, lambda labels: labels[:-1], lambda labels: labels.ravel()])
def test_a_label_map_of_another_shape(workspace: Workspace, turn: Callable[[np.ndarray], np.ndarray]) -> None:
    change_mat(workspace, "label", turn)
    expect(workspace.fails("predutils"), "data/a/label/town.mat", "label map", "(20, 30)")


# Axes of the same lengths in another order are told, other lengths are not: of an image (20, 30, 5) and its labels.
@pytest.mark.parametrize(
    ("part", "turn", "said"),
    [
        ("after", lambda image: image.transpose(2, 1, 0), "(5, 30, 20) has the axes of (20, 30, 5) in another order"),
        ("after", lambda image: image.transpose(1, 0, 2), "(30, 20, 5) has the axes of (20, 30, 5) in another order"),
        ("label", lambda labels: labels.T, "(30, 20) has the axes of (20, 30, 5) in another order"),
        ("label", lambda labels: labels[None], "(20, 30) has the axes of (20, 30, 5) in another order"),
        ("after", lambda image: image[:19], ""),
        ("after", lambda image: image[:, :, :4], ""),
        ("label", lambda labels: labels[:, :20], ""),
    ],
)
def test_axes_in_another_order_are_told(
    workspace: Workspace, part: str, turn: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    change_mat(workspace, part, turn)
    line = workspace.fails("predutils")
    expect(line, f"data/a/{part}/town.mat: ", said)
    assert ("in another order" in line) == bool(said)


def test_labels_of_images_that_another_program_wrote_are_told_of_the_order(workspace: Workspace) -> None:
    for part in ("before", "after"):
        file = workspace.folder / f"data/a/{part}/town.mat"
        image = loadmat(file)["cube"]
        with h5py.File(file, "w") as h5:
            h5["cube"] = image
    line = workspace.fails("predutils")
    expect(
        line, "label map of shape (20, 30), images of (5, 30); (20, 30) has the axes of (5, 30, 20) in another order"
    )


def test_a_label_map_with_several_bands(workspace: Workspace) -> None:
    change_mat(workspace, "label", lambda labels: np.dstack([labels, labels, 1 + 0 * labels]))
    expect(workspace.fails("predutils"), "data/a/label/town.mat", "label map", "(20, 30, 3)")


# --- what is in a file -----------------------------------------------------------------------------------------------


def test_a_variable_missing_from_a_mat_file(workspace: Workspace) -> None:
    line = workspace.fails("predutils", "PLACE A.matLabel=HypeRvieW", alone=True)
    expect(line, "data/a/before/town.mat", "'HypeRvieW'", "matLabel", "holds: cube")


# 20 × 30 × 1000 values of 2 bytes are 1.2 million: more than 2²⁰.
def test_an_image_larger_than_the_memory_limit(workspace: Workspace) -> None:
    for part in ("before", "after"):
        change_mat(workspace, part, lambda image: np.zeros((20, 30, 1000), np.uint16))
    line = workspace.fails("predutils", "settings.memory_limit=1", alone=True)
    expect(line, "data/a/before/town.mat: declares 2 MB, more than the 1 MB that are available (memory_limit)")


def test_a_mat_file_of_several_images_without_matlabel(workspace: Workspace) -> None:
    file = workspace.folder / "data/a/before/town.mat"
    workspace.text = workspace.text.replace("matLabel = cube\n", "")
    image = loadmat(file)["cube"]
    savemat(file, {"T1": image, "T2": image[:, :, :2], "wavelength": np.arange(5.0)})
    line = workspace.fails("predutils")
    expect(
        line,
        "data/a/before/town.mat",
        "T1 (20 × 30 × 5), T2 (20 × 30 × 2);",
        "as by matLabel = T1, or matLabelA and matLabelB",
    )


@pytest.mark.parametrize("share", [0, 0.002, 0.03, 0.5, 0.99])
@pytest.mark.parametrize("part", ["before", "label"])
def test_a_truncated_mat_file(workspace: Workspace, part: str, share: float) -> None:
    cut(workspace.folder / f"data/a/{part}/town.mat", share)
    expect(workspace.fails("predutils", alone=share == 0.5), f"data/a/{part}/town.mat", "truncated")


@pytest.mark.parametrize("share", [0, 0.005, 0.5, 0.9])
@pytest.mark.parametrize("name", ["after/east.tif/B02.tif", "label/west.tif"])
def test_a_truncated_tif_file(workspace: Workspace, name: str, share: float) -> None:
    cut(workspace.folder / f"data/b/{name}", share)
    expect(workspace.fails("predutils", B, alone=share == 0.5), f"data/b/{name}", "truncated")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", ["a/before/town.mat", "a/label/town.mat", "b/after/west.tif/B01.tif"])
def test_a_file_truncated_anywhere_is_refused_by_name(workspace: Workspace, name: str) -> None:
    file = workspace.folder / "data" / name
    whole = file.read_bytes()
    settings = read_settings(workspace.file)
    lengths = np.random.default_rng(0).integers(0, len(whole) - 8, 60)
    for length in [*range(140), *lengths]:
        file.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            dp.load_dataset(f"PLACE {name[0].upper()}", settings)
        assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["a/before/town.mat", "b/before/east.tif/B01.tif"])
def test_a_file_that_is_something_else(workspace: Workspace, name: str) -> None:
    (workspace.folder / "data" / name).write_text("not what the name says\n" * 30)
    expect(workspace.fails("predutils", f"settings.train_set=PLACE {name[0].upper()}"), name, "unreadable")


def test_text_for_an_image(workspace: Workspace) -> None:
    change_mat(workspace, "before", lambda _: np.array(["a", "b"]))
    expect(workspace.fails("predutils"), "data/a/before/town.mat", "numbers")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_pixels_of_a_mat_file(workspace: Workspace, value: float) -> None:
    change_mat(workspace, "after", set_pixel(value))
    expect(
        workspace.fails("predutils"), "data/a/after/town.mat", "1 pixels hold NaN or infinite values", "`nodata = nan`"
    )


def test_nan_pixels_of_the_test_set_stop_the_training(workspace: Workspace) -> None:
    change_mat(workspace, "before", set_pixel(np.nan))
    line = workspace.fails("main", B, "settings.test_set=PLACE A")
    expect(line, "data/a/before/town.mat", "1 pixels hold NaN or infinite values", "`nodata = nan`")


@pytest.mark.parametrize("script", ["predutils", "main"])
def test_a_pair_whose_pixels_are_all_masked(workspace: Workspace, script: str) -> None:
    # One band of one image is enough.
    change_mat(workspace, "before", lambda image: np.where(np.arange(5) == 2, -1, image.astype(np.int16)))
    line = workspace.fails(script, "PLACE A.nodata=-1", alone=script == "predutils")
    expect(
        line,
        "[PLACE A] town",
        "every pixel",
        "nodata = -1",
        "band 3 holds no data at all: leave it out with bad_bands = 3",
    )


@pytest.mark.parametrize("rescaling", ["True", "False"])
@pytest.mark.parametrize("script", ["predutils", "main"])
def test_values_that_nobody_measured(workspace: Workspace, script: str, rescaling: str) -> None:
    change_mat(workspace, "after", set_pixel(-3.4028235e38))
    line = workspace.fails(script, f"settings.apply_rescaling={rescaling}")
    expect(line, "[PLACE A]", "-3.4028234663852886e+38 is not a measurement", "nodata = -3.4028234663852886e+38")
    if script == "predutils":
        done = workspace.call(script, "PLACE A.nodata=-3.4028234663852886e+38")
        assert (done.returncode, "Warning" in done.stderr) == (0, False)


def test_images_that_do_not_fit_together(workspace: Workspace) -> None:
    for name in ("one", "two", "three"):
        for part in ("before", "after"):
            write_mat(workspace.folder / f"data/a/{part}/{name}.mat", np.ones((100, 300, 5), np.uint16))
        write_mat(workspace.folder / f"data/a/label/{name}.mat", np.ones((100, 300), np.uint8))
    # Six images of 300,000 bytes, and two of 6,000.
    line = workspace.fails("main", "settings.memory_limit=1")
    expect(line, "memory_limit: all images of [PLACE A] take 1.73 MiB, 1.00 MiB are available")


def test_too_little_memory_is_one_line(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dp, "available_memory", lambda: 10_000)
    # 480 labelled pixels of two dates, five bands and four bytes are 19,200 bytes.
    line = workspace.fails("main")
    expect(line, "[PLACE A]: 480 pixel pairs take 0.02 MiB, 0.01 MiB are available")

    def refused(*_: object) -> None:
        raise MemoryError("Unable to allocate\n1 GiB")

    monkeypatch.setattr(dp, "preprocessing", refused)
    done = workspace.call("main")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: out of memory: Unable to allocate 1 GiB"


def test_a_test_set_without_labels_is_told_before_the_train_set_is_read(workspace: Workspace) -> None:
    cut(workspace.folder / "data/a/before/town.mat", 0.5)
    workspace.text = workspace.text.replace("labelPath = data/b/label\n", "")
    expect(workspace.fails("main"), "[PLACE B] labelPath: missing")


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf_8(workspace: Workspace) -> None:
    for part, _ in FOLDERS:
        folder = workspace.folder / f"data/a/{part}"
        (folder / "town.mat").rename(folder / os.fsdecode(b"caf\xe9.mat"))
    expect(workspace.fails("predutils"), "data/a/before/caf?.mat", "not UTF-8")


def test_a_number_for_nodata_that_is_none(workspace: Workspace) -> None:
    line = workspace.fails("predutils", "PLACE A.nodata=none")
    expect(line, "net.conf", "[PLACE A] nodata", "'none'", "a number or nan")


def test_nan_pixels_of_a_tif_file(workspace: Workspace) -> None:
    file = workspace.folder / "data/b/before/west.tif/B04.tif"
    band = np.ones((18, 24), dtype=np.float32)
    band[0, :2] = np.nan
    Image.fromarray(band).save(file)
    expect(workspace.fails("predutils", B), "data/b/before/west.tif", "2 pixels hold NaN or infinite values")


@pytest.mark.parametrize("script", ["predutils", "main"])
def test_label_values_that_are_not_configured(workspace: Workspace, script: str) -> None:
    line = workspace.fails(script, "PLACE A.changedLabel=5", alone=script == "main")
    # The map holds 0, 1 and 2.
    expect(line, "PLACE A", "found 0, 1, 2", "changedLabel=5", "unchangedLabel=2", "unknownLabel=0")


def test_the_label_map_with_values_that_are_not_configured_is_named(workspace: Workspace) -> None:
    # Of two maps only one is wrong.
    labels = np.ones((18, 24), dtype=np.uint8)
    labels[0, 0] = 9
    Image.fromarray(labels).save(workspace.folder / "data/b/label/west.tif")
    expect(workspace.fails("predutils", B), "west", "found 1, 9", "PLACE B")


@pytest.mark.parametrize(
    ("value", "found"), [(0, "0 changed and 0 unchanged"), (1, "600 changed and 0"), (2, "0 changed and 600")]
)
def test_training_without_labels_of_both_classes(workspace: Workspace, value: int, found: str) -> None:
    change_mat(workspace, "label", lambda labels: np.full_like(labels, value))
    expect(workspace.fails("main"), "PLACE A", "both classes", found)


def test_training_with_a_test_set_of_one_class(workspace: Workspace) -> None:
    for pair in ("east", "west"):
        Image.fromarray(np.ones((18, 24), dtype=np.uint8)).save(workspace.folder / f"data/b/label/{pair}.tif")
    expect(workspace.fails("main"), "PLACE B", "both classes", "0 changed and 864 unchanged")


def test_pseudo_labels_need_no_labelled_pixel(workspace: Workspace) -> None:
    # The counterpart of the two tests above: without training, an unknown ground truth is no error.
    change_mat(workspace, "label", np.zeros_like)
    done = workspace.run("predutils")
    assert done.returncode == 0, done.stderr
    assert (workspace.folder / "data/a/pseudo/town.pickle").is_file()


# --- images without change -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["ED", "SAM"])
@pytest.mark.parametrize("rescaling", [True, False])
def test_constant_images(workspace: Workspace, distance: str, rescaling: bool) -> None:
    for part in ("before", "after"):
        change_mat(workspace, part, lambda image: np.full_like(image, 700))
    line = workspace.fails("predutils", f"settings.distance={distance}", f"settings.apply_rescaling={rescaling}")
    expect(line, "PLACE A", "town", "Otsu", "constant")


def test_constant_images_of_which_a_part_is_masked(workspace: Workspace) -> None:
    for part in ("before", "after"):
        change_mat(workspace, part, lambda image: np.where(np.arange(30)[:, None] < 4, 9, np.full_like(image, 700)))
    expect(workspace.fails("predutils", "PLACE A.nodata=9"), "PLACE A", "town", "Otsu", "constant")


@pytest.mark.parametrize("distance", ["ED", "SAM"])
def test_identical_images(workspace: Workspace, distance: str) -> None:
    before, _, _ = make_pair(1)
    change_mat(workspace, "after", lambda _: before)
    done = workspace.run("predutils", f"settings.distance={distance}")
    assert done.returncode == 0, done.stderr
    line, refuted = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    expect(line, "PLACE A", "town", "the same", "nothing changed")
    expect(refuted, "town", "kappa 0.000", "no better than chance")  # the labels know of changed pixels
    name = f"PLACE A_town_{distance}_pseudo_rescaling_True.tif"
    assert (band_of(workspace.folder / "stat" / name) == UNCHANGED).all()


def test_training_on_constant_images(workspace: Workspace) -> None:
    for part in ("before", "after"):
        change_mat(workspace, part, lambda image: np.full_like(image, 700))
    done = workspace.call("main", "hyperas settings ED.max_evals=1")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    expect(line, "all 1 trials of the search failed", "Otsu", "constant")
    assert not (workspace.folder / "model/M.h5").exists()


@pytest.mark.parametrize("distance", ["ED", "SAM"])
def test_pseudo_labels_of_a_single_pixel(workspace: Workspace, distance: str) -> None:
    one_pixel(workspace)
    line = workspace.fails("predutils", f"settings.distance={distance}")
    expect(line, "PLACE A", "town", "Otsu", "a single pixel")
    # There are none, then, to draw.
    for script in ("labelbyperc_generation", "labelbyneigh_generation"):
        expect(workspace.fails(script), "data/a/pseudo/town.pickle", "no such file")


def test_training_on_a_single_pixel(workspace: Workspace) -> None:
    one_pixel(workspace)
    expect(workspace.fails("main"), "PLACE A", "both classes", "0 changed and 1 unchanged")


def test_pseudo_labels_of_a_single_valid_pixel(workspace: Workspace) -> None:
    def all_but_one(image: np.ndarray) -> np.ndarray:
        masked = np.full(image.shape, np.nan, dtype=np.float32)
        masked[7, 7] = image[7, 7]
        return masked

    change_mat(workspace, "after", all_but_one)
    expect(workspace.fails("predutils", "PLACE A.nodata=nan"), "PLACE A", "town", "Otsu", "a single pixel")


def test_one_bad_pair_of_two_leaves_nothing_behind(workspace: Workspace) -> None:
    # west comes after east: nothing may be written before every pair is known to be good.
    for part in ("before", "after"):
        write_bands(workspace.folder / f"data/b/{part}/west.tif", np.full((18, 24, 5), 700, np.uint16))
    expect(workspace.fails("predutils", B), "PLACE B", "west", "Otsu")


# --- pseudo-labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["labelbyperc_generation", "labelbyneigh_generation"])
def test_maps_of_missing_pseudo_labels(workspace: Workspace, script: str) -> None:
    line = workspace.fails(script, alone=True)
    sets = "net.conf --set settings.preset=unsupervised --set 'settings.train_set=PLACE A'`"
    expect(line, "data/a/pseudo", "predutils.py --config ", sets)


@pytest.mark.parametrize("script", ["labelbyperc_generation", "labelbyneigh_generation"])
def test_maps_of_truncated_pseudo_labels(workspace: Workspace, script: str) -> None:
    assert workspace.call("predutils").returncode == 0
    cut(workspace.folder / "data/a/pseudo/town.pickle", 0.7)
    expect(workspace.fails(script), "data/a/pseudo/town.pickle")


@pytest.mark.parametrize("script", ["labelbyperc_generation", "labelbyneigh_generation"])
def test_maps_of_pseudo_labels_of_one_class_are_no_error(workspace: Workspace, script: str) -> None:
    from hscd.system import storage

    file = workspace.folder / "data/a/pseudo/town.pickle"
    storage.write_pickle(file, {"threshold": 2.0, "distances": np.ones(600, dtype=np.float32), "shape": (20, 30)})
    done = workspace.call(script)
    assert done.returncode == 0, done.stderr


def test_maps_by_neighbourhood_need_a_radius_of_two(workspace: Workspace) -> None:
    assert workspace.call("predutils").returncode == 0
    line = workspace.fails("labelbyneigh_generation", "settings.pseudo_radius=1")
    expect(line, "net.conf", "[settings] pseudo_radius", "found 1")
    workspace.text = workspace.text.replace("pseudo_radius = 3", "")
    expect(workspace.fails("labelbyneigh_generation"), "net.conf", "[settings] pseudo_radius: missing", "from radius 2")


# --- output ----------------------------------------------------------------------------------------------------------


def test_a_result_folder_that_is_a_file(workspace: Workspace) -> None:
    (workspace.folder / "taken").write_text("a file")
    before = workspace.contents()
    done = workspace.run("predutils", "settings.stat_path=taken")
    assert done.returncode in (1, 2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    expect(line, "taken")
    assert "Traceback" not in done.stderr
    after = workspace.contents()
    assert {name: after[name] for name in before if name != "net.conf"} == {
        name: content for name, content in before.items() if name != "net.conf"
    }


def test_a_model_folder_that_is_a_file_stops_the_training_before_the_search(workspace: Workspace) -> None:
    (workspace.folder / "taken").write_text("a file")
    done = workspace.call("main", "settings.model_path=taken", "hyperas settings ED.max_evals=1")
    assert done.returncode in (1, 2)
    assert "epoch" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    expect(line, "taken")


# --- the configuration, by the command -------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["main", "predutils", "labelbyperc_generation", "labelbyneigh_generation"])
def test_a_setting_out_of_range(workspace: Workspace, script: str) -> None:
    line = workspace.fails(script, "settings.pseudo_percentage=40", alone=True)
    expect(line, "net.conf", "[settings] pseudo_percentage", "'40'", "]0, 1]")


def test_a_data_set_that_is_not_there(workspace: Workspace) -> None:
    line = workspace.fails("predutils", "settings.train_set=PLACE C")
    expect(line, "net.conf", "[settings] train_set", "'PLACE C'", "PLACE A, PLACE B")


def test_a_missing_file_beside_named_images_is_called_missing(workspace: Workspace) -> None:
    named = [f"PLACE A.{key}=data/a/{part}/town.mat" for key, part in (("imgAPath", "before"), ("imgBPath", "after"))]
    line = workspace.fails("predutils", *named, "PLACE A.labelPath=data/nowhere")
    expect(line, "data/nowhere: no such file or folder", "[PLACE A] labelPath")
    # Nor is it an image where the others are folders, or asked to be one where they hold the bands of one image.
    line = workspace.fails("predutils", "PLACE A.imgAPath=data/nowhere.tif")
    expect(line, "data/nowhere.tif: no such file or folder ([PLACE A] imgAPath)")
    bands = [f"PLACE A.{key}=data/b/{part}/east.tif" for key, part in (("imgAPath", "before"), ("imgBPath", "after"))]
    for part in ("before", "after"):
        (workspace.folder / f"data/b/{part}/east.tif").rename(workspace.folder / f"data/b/{part}/east")
    line = workspace.fails("predutils", *(name.removesuffix(".tif") for name in bands), "PLACE A.labelPath=data/no")
    expect(line, "data/no: no such file or folder ([PLACE A] labelPath)")


def test_a_training_whose_search_is_missing_is_refused_before_data_is_loaded(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.text = workspace.text.partition("[hyperas settings SAM]")[0]
    settings = read_settings(workspace.file, ["settings.distance=SAM", "settings.training=False"])
    monkeypatch.setattr("dataprocessing.labelled_pixels", lambda *_: pytest.fail("data is loaded"))
    with pytest.raises(InputError, match=r"net\.conf: section \[hyperas settings SAM\] is missing"):
        main.train(settings)
