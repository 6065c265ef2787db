"""Labels through the real commands: nodata, several values, colours, two masks, lists of pairs."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.io import loadmat

import dataprocessing as dp
import labelbyneigh_generation
from conftest import ONE_PLACE, Workspace, make_pair, write_mat
from hscd import readers
from hscd.reports import examples, quicklook
from image_pairs import found_of_both
from raster_scenes import write_as, write_pair, write_raster
from settings import read_settings

VALUES = "changedLabel = 1\nunchangedLabel = 2\nunknownLabel = 0\n"
LABELLED = f"labelPath = data/a/label\npseudoPath = data/a/pseudo\nmatLabel = cube\n{VALUES}"
INSPECT = "inspect_data"
ROWS, COLUMNS = 20, 30


@pytest.fixture(autouse=True)
def undrawn_inspections(undrawn: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at pictures here, and drawing takes most of the time."""
    for reports in (quicklook, examples):
        monkeypatch.setattr(reports, "write", lambda *_, **__: None)


def labelled(space: Workspace, labels: np.ndarray, keys: str, kind: str = "tif", **options) -> None:
    """A pair with a label map (rows, columns), and the keys of its labels in the section."""
    before, after, _ = make_pair(3)
    write_pair(space, before, after)
    space.text = ONE_PLACE.replace(LABELLED, f"labelPath = data/a/label\npseudoPath = data/a/pseudo\n{keys}")
    path = space.folder / f"data/a/label/town.{kind}"
    path.parent.mkdir()
    if kind == "tif":
        write_raster(path, labels if labels.ndim == 3 else labels[:, :, None], **options)
    else:
        Picture.fromarray(labels).save(path)


def told(space: Workspace) -> tuple[str, str]:
    """The line of the labels that the inspection prints, and its warnings."""
    done = space.call(INSPECT)
    assert done.returncode == 0, done.stderr
    line = next(line.strip() for line in done.stdout.splitlines() if "labels: " in line)
    *warnings, after = done.stderr.splitlines(keepends=True)
    assert after.startswith("next, to ")
    return line, "".join(warnings)


# 8 rows of 30 pixels are of the first class, 8 of the second, 4 of none.
def thirds(first: float, second: float, third: float, dtype: type = np.uint8) -> np.ndarray:
    return np.repeat(np.repeat([first, second, third], [8, 8, 4])[:, None], COLUMNS, axis=1).astype(dtype)


COUNTS = "labels: changed 240 (40.0 %), unchanged 240 (40.0 %), unknown 120 (20.0 %); town."


@pytest.mark.parametrize(
    ("labels", "keys", "nodata"),
    [
        (thirds(1, 0, 255), "changedLabel = 1\nunchangedLabel = 0\n", 255),
        (thirds(1, 0, np.nan, np.float32), "changedLabel = 1\nunchangedLabel = 0\n", np.nan),
        (thirds(1, 0, np.nan, np.float32), "changedLabel = 1\nunchangedLabel = 0\nunknownLabel = nan\n", None),
        (thirds(3, 0, 7), "changedLabel = 1, 3\nunchangedLabel = 0, 2\nunknownLabel = nan, 7\n", None),
    ],
)
def test_what_is_unknown(space: Workspace, labels: np.ndarray, keys: str, nodata: float | None) -> None:
    labelled(space, labels, keys, nodata=nodata)
    line, warnings = told(space)
    assert line.startswith(COUNTS)
    assert warnings == ""
    # Pixels without ground truth have no part in a training: 480 are left, half of each class.
    _, found, *_ = dp.labelled_pixels("PLACE A", read_settings(space.file))
    assert np.bincount(found).tolist() == [240, 240]


def test_other_values_may_be_unknown(space: Workspace) -> None:
    labelled(space, thirds(1, 0, 7), "changedLabel = 1\nunchangedLabel = 0\nunknownLabel = other\n")
    line, warnings = told(space)
    assert line.startswith(COUNTS)
    (warning,) = warnings.splitlines()
    assert warning.endswith("town.tif: label map holds 7: neither changed nor unchanged, counted as unknown")


def test_nodata_that_is_configured_as_a_class_is_told_once(space: Workspace) -> None:
    labelled(space, thirds(1, 0, 0), "changedLabel = 1\nunchangedLabel = 0\n", nodata=0)
    line, warnings = told(space)
    assert line.startswith("labels: changed 240 (40.0 %), unchanged 360 (60.0 %), unknown 0")
    (warning,) = warnings.splitlines()
    assert warning.endswith("town.tif: declares 0 as nodata, which is configured as a class and counts as such")
    done = space.call("predutils")
    assert done.returncode == 0
    assert done.stderr.count("as nodata, which is configured") == 1


def test_nan_that_nobody_declared_is_an_error_that_says_what_to_do(space: Workspace) -> None:
    labelled(space, thirds(1, 0, np.nan, np.float32), "changedLabel = 1\nunchangedLabel = 0\n")
    line = space.fails(INSPECT)
    assert "data/a/label/town.tif ([PLACE A]): label map holds values that are not configured: found 0, 1, nan" in line
    assert line.endswith("unknownLabel = nan")


@pytest.mark.parametrize("kind", ["png", "bmp", "tif"])
def test_colours(space: Workspace, kind: str) -> None:
    places = thirds(0, 1, 2).astype(int)
    colours = np.array([(255, 0, 0), (0, 0, 255), (0, 0, 0)], np.uint8)[places]
    labelled(space, colours, "changedLabel = 0xff0000\nunchangedLabel = 0x0000FF\nunknownLabel = 0\n", kind)
    assert told(space)[0].startswith(COUNTS)
    space.text = space.text.replace("0xff0000", "0x00ff00")
    expected = "found 0x000000, 0x0000ff, 0xff0000; configured changedLabel=0x00ff00, unchangedLabel=0x0000ff, unknown"
    assert expected in space.fails(INSPECT)


def test_one_hot_is_refused(space: Workspace) -> None:
    labels = np.eye(3, dtype=np.uint8)[thirds(0, 1, 2)]
    labelled(space, labels, "changedLabel = 1\nunchangedLabel = 0\n")
    assert "data/a/label/town.tif: a label map of 3 bands of 0 and 1" in space.fails(INSPECT)


@pytest.mark.parametrize("part", ["before", "after", "label"])
def test_a_format_that_is_not_read_is_told(workspace: Workspace, part: str) -> None:
    path = workspace.folder / f"data/a/{part}/town.mat"
    path.rename(path.with_suffix(".jpg"))
    line = workspace.fails("predutils")
    assert f"data/a/{part}/town.jpg: of an unsupported format ([PLACE A] " in line
    assert ".bmp" in line


# --- two masks -------------------------------------------------------------------------------------------------------

MASKS = "changedMask = data/a/changed\nunchangedMask = data/a/unchanged\npseudoPath = data/a/pseudo\nmatLabel = cube\n"


@pytest.fixture
def masked(workspace: Workspace) -> Workspace:
    """PLACE A with two masks that say what its label map says."""
    labels = loadmat(workspace.folder / "data/a/label/town.mat")["cube"]
    shutil.rmtree(workspace.folder / "data/a/label")
    for part, value in (("changed", 1), ("unchanged", 2)):
        write_mask(workspace, part, labels == value)
    workspace.text = ONE_PLACE.replace(LABELLED, MASKS)
    return workspace


def write_mask(space: Workspace, part: str, mask: np.ndarray) -> None:
    (space.folder / f"data/a/{part}").mkdir(exist_ok=True)
    Picture.fromarray(mask.astype(np.uint8) * 255).save(space.folder / f"data/a/{part}/town.bmp")


def test_two_masks_are_a_label_map(masked: Workspace) -> None:
    # 7 × 9 pixels changed, the last 4 of 20 rows in none of the masks.
    line = "labels: changed 63 (10.5 %), unchanged 417 (69.5 %), unknown 120 (20.0 %)"
    assert told(masked)[0].startswith(line)
    settings = read_settings(masked.file)
    _, labels, *_ = dp.labelled_pixels("PLACE A", settings)
    assert np.bincount(labels).tolist() == [63, 417]
    (scene,) = dp.scenes("PLACE A", settings)
    assert np.bincount(scene.truth.ravel()).tolist() == [63, 417, 120]
    direct = masked.text
    for part in ("before", "after"):
        direct = direct.replace(f"data/a/{part}\n", f"data/a/{part}/town.mat\n")
    for part in ("changed", "unchanged"):
        direct = direct.replace(f"data/a/{part}\n", f"data/a/{part}/town.bmp\n")
    masked.text = direct
    assert told(masked)[0].startswith(line)


def test_masks_that_overlap_or_are_missing_or_of_another_shape(masked: Workspace) -> None:
    path = masked.folder / "data/a/unchanged/town.bmp"
    sound = path.read_bytes()
    everywhere = np.ones((ROWS, COLUMNS), bool)
    write_mask(masked, "unchanged", everywhere)
    assert "data/a/unchanged/town.bmp: 63 pixels are not zero here and in" in masked.fails("predutils")
    write_mask(masked, "unchanged", everywhere[:-1])
    line = masked.fails("predutils")
    assert "data/a/unchanged/town.bmp: label map of shape (19, 30), images of (20, 30)" in line
    path.unlink()
    assert "data/a/unchanged/town.mat: missing, but" in masked.fails("predutils")
    path.write_bytes(sound)
    assert masked.call(INSPECT).returncode == 0


# --- a list of pairs -------------------------------------------------------------------------------------------------

LIST = "name,before,after,label,split\n"


@pytest.fixture
def listed(space: Workspace) -> Workspace:
    """Two pairs whose files share no name, in a list: images in folders of bands and in ENVI files."""
    for number, kind in enumerate(("folder", "bsq")):
        before, after, changed = make_pair(number)
        for date, image in (("2003", before), ("2007", after)):
            write_as(kind, space.folder / "images", image, f"{kind}_{date}")
        write_mat(space.folder / f"truth/{kind}.mat", np.where(changed, 1, 2).astype(np.uint8), f"of_{kind}")
    rows = "river,images/bsq_2003.hdr,images/bsq_2007.hdr,truth/bsq.mat,test\n"
    rows += "city,images/folder_2003,images/folder_2007,truth/folder.mat,train\n"
    (space.folder / "list.csv").write_text(LIST + rows, encoding="utf-8")
    space.text = ONE_PLACE.replace(LABELLED, f"pairs = list.csv\npseudoPath = pseudo\n{VALUES}")
    for key in ("imgAPath = data/a/before\n", "imgBPath = data/a/after\n"):
        space.text = space.text.replace(key, "")
    return space


def test_pairs_of_a_list(listed: Workspace) -> None:
    done = listed.call(INSPECT)
    assert done.returncode == 0, done.stderr
    assert f"[PLACE A] 2 pairs in {listed.folder / 'list.csv'}" in done.stdout
    for name, file in (("river", "bsq_2003.hdr"), ("city", "folder_2003")):  # as the list calls them
        assert f"  {name}: 20 × 30 pixels, 5 bands\n    before: images/{file}, " in done.stdout
    # The rectangle of make_pair is 7 × 9 pixels.
    assert done.stdout.count("labels: changed 63 (10.5 %), unchanged 537 (89.5 %), unknown 0") == 2
    assert listed.call("predutils").returncode == 0
    assert sorted(path.name for path in (listed.folder / "pseudo").iterdir()) == ["city.pickle", "river.pickle"]


def test_a_split_of_a_list(listed: Workspace) -> None:
    settings = read_settings(listed.file, ["PLACE A.split=train"])
    assert dp.load_dataset("PLACE A", settings)[3] == ["city"]
    assert "list.csv: lists no pair of split 'val'" in listed.fails("predutils", "PLACE A.split=val")


def test_rows_of_a_list_with_masks_and_without_ground_truth(listed: Workspace) -> None:
    text = (listed.folder / "list.csv").read_text(encoding="utf-8")
    changed = loadmat(listed.folder / "truth/bsq.mat")["of_bsq"] == 1
    for name, mask in (("c", changed), ("u", ~changed & (np.arange(COLUMNS) < 20))):
        Picture.fromarray(mask).save(listed.folder / f"truth/{name}.png")
    text = text.replace(LIST, "name,before,after,label,changed_mask,unchanged_mask\n")
    text = text.replace("truth/bsq.mat,test", ",truth/c.png,truth/u.png").replace("truth/folder.mat,train", ",,")
    (listed.folder / "list.csv").write_text(text, encoding="utf-8")
    # 10 columns of 20 rows are in no mask; the rectangle does not reach them.
    expected = [
        "labels: none, no labelPath",
        "labels: changed 63 (10.5 %), unchanged 337 (56.2 %), unknown 200 (33.3 %)",
    ]
    for values in (VALUES, "changedLabel = 7\nunchangedLabel = 300\n", ""):
        listed.text = listed.text.replace(VALUES, values)
        found = [line.strip() for line in listed.call(INSPECT).stdout.splitlines() if "labels:" in line]
        assert found[0] == expected[0]
        assert found[1].startswith(expected[1])
        settings = read_settings(listed.file)
        images_a, images_b, labels, _ = dp.load_dataset("PLACE A", settings)
        _, pixels = dp.preprocessing(images_a, images_b, labels, settings["PLACE A"], True, False)
        assert np.bincount(pixels).tolist() == [63, 337, 800]
        listed.text = listed.text.replace(values, VALUES) if values else listed.text


def test_errors_of_a_list_name_its_line(listed: Workspace) -> None:
    path = listed.folder / "list.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("folder_2007", "folder_2009"), encoding="utf-8")
    line = listed.fails("predutils")
    assert "list.csv, line 3:" in line
    assert "images/folder_2009: no such file or folder (after)" in line
    path.write_text(text.replace("bsq_2007", "bsq_2003"), encoding="utf-8")
    assert "list.csv, line 2: before and after are the same image" in listed.fails("predutils")
    path.write_text(text, encoding="utf-8")
    listed.text = listed.text.replace(VALUES, "")
    unsaid = "list.csv, line 3: names a label map, but [PLACE A] does not say what its values mean"
    assert unsaid in listed.fails("main")
    path.write_text("\n".join(",".join(row.split(",")[:3]) for row in text.splitlines()), encoding="utf-8")
    assert "[PLACE A] pairs: no label in" in listed.fails("main")


def test_a_list_whose_files_are_not_there(listed: Workspace) -> None:
    shutil.rmtree(listed.folder / "images")
    assert "list.csv, line 3: " in listed.fails(INSPECT)
    listed.text = listed.text.replace("_set = PLACE A", "_set = PLACE B")
    done = listed.call(INSPECT)
    assert f"[PLACE A] not found: any image of {listed.folder / 'list.csv'}" in done.stdout


def test_pseudo_labels_of_a_list_whose_images_are_gone(listed: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed.call("predutils").returncode == 0
    by_images = ["--quiet", "--config", str(listed.file), "--set", "settings.correction=potts"]
    assert labelbyneigh_generation.main(by_images) == 0
    shutil.rmtree(listed.folder / "images")
    assert listed.call("labelbyneigh_generation").returncode == 0
    assert labelbyneigh_generation.main([*by_images, "--set", "settings.potts_guide=scores"]) == 0
    capsys.readouterr()
    assert labelbyneigh_generation.main(by_images) == 2
    assert "no such file or folder (before)" in capsys.readouterr().err


def test_paths_of_one_file(space: Workspace, tmp_path: Path) -> None:
    from scipy.io import savemat

    before, after, changed = make_pair(5)
    savemat(tmp_path / "all.mat", {"T1": before, "T2": after, "Binary": changed.astype(np.uint8), "note": "x"})
    keys = "labelPath = all.mat\npseudoPath = pseudo\nmatLabelA = T1\nmatLabelB = T2\nchangedLabel = 1\n"
    space.text = ONE_PLACE.replace(LABELLED, keys + "unchangedLabel = 0\n")
    for part in ("before", "after"):
        space.text = space.text.replace(f"data/a/{part}", "all.mat")
    assert told(space)[0] == "labels: changed 63 (10.5 %), unchanged 537 (89.5 %), unknown 0 (0.0 %); all.mat"
    settings = read_settings(space.file)
    images_a, images_b, *_ = dp.load_dataset("PLACE A", settings)
    np.testing.assert_array_equal(images_a[0], before)
    np.testing.assert_array_equal(images_b[0], after)
    # The same by a list.
    (tmp_path / "list.csv").write_text("name,before,after,label\np,all.mat,all.mat,all.mat\n", encoding="utf-8")
    for key in ("imgAPath", "imgBPath", "labelPath"):
        space.text = space.text.replace(f"{key} = all.mat\n", "")
    space.text = space.text.replace("pseudoPath", "pairs = list.csv\npseudoPath", 1)
    images_a, images_b, *_ = dp.load_dataset("PLACE A", read_settings(space.file))
    np.testing.assert_array_equal(images_a[0], before)
    np.testing.assert_array_equal(images_b[0], after)


def test_results_name_the_file_and_its_shape(workspace: Workspace) -> None:
    done = workspace.call("predutils")
    assert "PLACE A_town_ED_pseudo_rescaling_True (before/town.mat, 20 × 30 × 5): changed " in done.stdout


def test_what_a_label_file_says_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = readers.open_label_map
    monkeypatch.setattr(
        readers, "open_label_map", lambda *given: dataclasses.replace(opened(*given), notes=("it is odd",))
    )
    assert "data/a/label/town.mat: it is odd\n" in told(workspace)[1]


# 1 changed and 3 unchanged pixels of 6; a section of masks has no values to name.
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((None, None), "1 changed and 3 unchanged"),
        (((7, 8), (1,)), "1 changed and 3 unchanged (changedLabel=7, 8, unchangedLabel=1)"),
    ],
)
def test_what_a_training_finds_of_both_classes_is_told_with_its_keys(values: tuple, said: str) -> None:
    section = SimpleNamespace(changed_label=values[0], unchanged_label=values[1])
    assert found_of_both(np.array([0, 1, 1, 1, 2, 2]), section) == said  # type: ignore[arg-type]
