"""Kinds of change from the commands: the files, what is said, and the classes of labels."""

import csv
import json

import numpy as np
import pytest
import rasterio

import detect
from conftest import ONE_PLACE, Workspace
from hscd.kinds.classes import ClassHead, read_head, write_head
from hscd.records import PIXEL_GRID
from hscd.reports import gis
from hscd.reports import kinds as reports
from pipeline import kinds, parts
from raster_scenes import opened
from settings import read_settings

SPECTRA = {0: [20, 20, 20, 20, 20], 1: [60, 60, 20, 20, 20], 2: [20, 20, 20, 60, 60]}


def two_kinds(seed=0):
    """Two dates of (rows, columns, bands) with two kinds of change, and labels: 4 and 9 kinds, 0 unchanged, 5 unknown.

    The larger one, of 200 pixels, is 9 in the labels, the other of 120 pixels is 4. The first row is without data.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros((50, 60), np.uint8)
    labels[5:15, 10:30], labels[30:40, 40:52] = 9, 4
    before = 100 * np.array(SPECTRA[0]) + rng.normal(0, 40, (50, 60, 1)) + rng.normal(0, 10, (50, 60, 5))
    after = before + rng.normal(0, 10, before.shape)
    for value, number in ((9, 1), (4, 2)):
        after[labels == value] += 100 * (np.array(SPECTRA[number]) - SPECTRA[0])
    before[0], after[0], labels[49] = 0, 0, 5
    return before.astype(np.uint16), after.astype(np.uint16), labels


@pytest.fixture
def pair(tmp_path):
    before, after, labels = two_kinds()
    for name, image in (("before", before), ("after", after), ("labels", labels[:, :, None])):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", height=50, width=60, count=image.shape[2],
            dtype=image.dtype, crs="EPSG:32633", transform=rasterio.Affine(10, 0, 366975, 0, -10, 5808045),
        ) as file:  # fmt: skip
            file.write(np.moveaxis(image, 2, 0))
    return tmp_path


def run(folder, *overrides, labels=False):
    arguments = [str(folder / "before.tif"), str(folder / "after.tif"), "--out", str(folder / "out")]
    arguments += ["--labels", str(folder / "labels.tif")] if labels else []
    for override in ("detector=ED", "threshold=kmeans", "nodata=0", *overrides):
        arguments += ["--set", override]
    return detect.main(arguments)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("method", ["clusters", "compressed_cva"])
def test_detect_writes_map_picture_tables_and_says_what_it_found(pair, capsys, method):
    assert run(pair, f"kinds={method}") == 0
    out, (_, _, labels) = pair / "out", two_kinds()
    names = {"kinds.tif", "kinds.qml", "kinds.png", "kinds.csv", "kinds_spectra.csv"}
    assert {path.name for path in out.glob("kinds*")} == names
    with opened(out / "kinds.tif") as raster, opened(out / "change.tif") as change:
        found, changed = raster.read(1), change.read(1)
        assert (raster.nodata, raster.crs, raster.transform) == (255, change.crs, change.transform)
        assert raster.colormap(1)[2][:3] == tuple(bytes.fromhex(reports._KINDS[1][1:]))
        tags = raster.tags()
    assert (tags["CLASS_1"], tags["CLASS_2"]) == ("kind 1, 62 % of the change", "kind 2, 38 % of the change")
    assert (tags["CLASS_0"], tags["CLASS_255"], tags["KINDS_BY"]) == ("unchanged", "unknown or masked", method)
    np.testing.assert_array_equal(np.where(np.isin(found, (1, 2)), 1, found), changed)
    assert (found[0] == 255).all()
    np.testing.assert_array_equal(found[1:] == 1, labels[1:] == 9)
    np.testing.assert_array_equal(found[1:] == 2, labels[1:] == 4)
    # 200 pixels of 100 m² each, of 320 that changed.
    assert rows_of(out / "kinds.csv")[0] == {
        "kind": "1", "pixels": "200", "share_of_change": "0.625", "share_of_map": str(200 / (49 * 60)),
        "area": "20000.0", "unit": "m²",
    }  # fmt: skip
    spectra = rows_of(out / "kinds_spectra.csv")
    assert [row["band"] for row in spectra] == ["1", "2", "3", "4", "5"]
    assert float(spectra[0]["kind_1_after"]) == pytest.approx(6000, abs=10)
    assert float(spectra[0]["kind_2_after"]) == pytest.approx(2000, abs=10)
    assert f"kinds of change by {method}: 1: 2 ha, 2: 1.2 ha\n" in capsys.readouterr().out
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))["results"]["before"]
    assert [row["area"] for row in record["kinds"]] == [20000, 12000]


def test_kinds_are_matched_with_the_classes_of_labels(pair, capsys):
    labels = "changedLabel=4,9", "unchangedLabel=0", "unknownLabel=5"
    assert run(pair, "kinds=clusters", *labels, labels=True) == 0
    said = capsys.readouterr().out
    assert "kind 1 is class 9, kind 2 is class 4: kappa 1.000, 1.000 of the pixels that both call changed" in said
    # The first row has no data and the last one no label: 48 rows of 60 pixels.
    assert rows_of(pair / "out/kinds_classes.csv") == [
        {"kind": "0", "class": "unchanged", "unchanged": str(48 * 60 - 320), "class_4": "0", "class_9": "0"},
        {"kind": "1", "class": "9", "unchanged": "0", "class_4": "0", "class_9": "200"},
        {"kind": "2", "class": "4", "unchanged": "0", "class_4": "120", "class_9": "0"},
    ]
    record = json.loads((pair / "out/run.json").read_text(encoding="utf-8"))["results"]["before"]["classes"]
    assert (record["kappa"], record["adjusted_rand_index"]) == (1, 1)
    assert record["confusion"][1]["class_9"] == 200


def test_learned_classes_are_applied_and_judged(pair, capsys):
    """`classes` of the labels 4 and 7, of which this pair has 4 and, unknown to them, 9."""
    weights = np.array([[-1, -1, 0, 1, 1], [1, 1, 0, -1, -1]], float)
    write_head(pair / "M_classes.npz", ClassHead(("4", "7"), weights, np.zeros(2)))
    labels = "changedLabel=9,4", "unchangedLabel=0", "unknownLabel=5"
    assert run(pair, "kinds=classes", f"kinds_classes={pair / 'M_classes.npz'}", *labels, labels=True) == 0
    # Both classes tell the direction of two bands each, and 7 stands for what is 9 here, which no class is taken for.
    assert rows_of(pair / "out/kinds_classes.csv") == [
        {"kind": "0", "class": "unchanged", "unchanged": str(48 * 60 - 320), "class_9": "0", "class_4": "0"},
        {"kind": "1", "class": "4", "unchanged": "0", "class_9": "0", "class_4": "120"},
        {"kind": "2", "class": "", "unchanged": "0", "class_9": "200", "class_4": "0"},
    ]
    assert [row["class"] for row in rows_of(pair / "out/kinds.csv")] == ["4", "7"]
    with opened(pair / "out/kinds.tif") as raster:
        assert raster.tags()["CLASS_2"] == "class 7, 62 % of the change"
    assert "kinds of change by classes: 4: 1.2 ha, 7: 2 ha\n" in capsys.readouterr().out
    assert run(pair, "kinds=classes") == 2
    assert "--set kinds=classes: " in capsys.readouterr().err


def test_a_training_on_several_classes_saves_them(tmp_path, capsys):
    """Those of the parts that the model learns from; labels of one class leave none."""
    before, after, labels = two_kinds()
    for name, array in (("before", before), ("after", after), ("label", labels)):
        np.save(tmp_path / f"{name}.npy", array)
    text = ONE_PLACE.replace("data/a/before", "before.npy").replace("data/a/after", "after.npy")
    text = text.replace("data/a/label", "label.npy").replace("matLabel = cube", "")
    space = Workspace(tmp_path, text=text)
    keys = ["PLACE A.changedLabel=4,9", "PLACE A.unchangedLabel=0", "PLACE A.unknownLabel=5"]
    settings = read_settings(space.file, keys)
    file = settings.model_path / f"{settings.model_name}_classes.npz"
    settings.model_path.mkdir(exist_ok=True)
    assert kinds.learn(settings) == {"classes": ["4", "9"]}
    assert read_head(file).names == ("4", "9")
    only_nine = np.where(labels == 4, 3, 1)  # the other class lies in the test part alone
    settings = read_settings(space.file, [*keys, "PLACE A.parts=60, 0, 40"])
    gis.write_parts(
        parts.parts_file(settings["PLACE A"], settings, "before"), only_nine.astype(np.uint8), PIXEL_GRID, "x"
    )
    assert kinds.learn(settings) == {}
    assert not file.exists()


def test_labels_of_one_class_are_not_matched(pair):
    labels = "changedLabel=4", "unchangedLabel=0,9", "unknownLabel=5"
    assert run(pair, "kinds=clusters", *labels, labels=True) == 0
    assert not (pair / "out/kinds_classes.csv").exists()


def test_without_the_key_there_are_no_kinds(pair):
    assert run(pair) == 0
    assert not list((pair / "out").glob("kinds*"))


def test_a_number_that_cannot_be_is_told(pair, capsys):
    assert run(pair, "kinds=compressed_cva", "kinds_count=5") == 0
    assert "warning: before: the angles of change have 2 modes, not 5\n" in capsys.readouterr().err
    assert run(pair, "kinds=clusters", "kinds_count=9") == 2
    assert "kinds_count: found '9'; expected an integer from 1 to 8" in capsys.readouterr().err


def test_where_nothing_changed_there_is_a_map_alone(pair, capsys):
    (pair / "after.tif").write_bytes((pair / "before.tif").read_bytes())
    assert run(pair, "kinds=clusters") == 0
    noted = json.loads((pair / "out/run.json").read_text(encoding="utf-8"))["written"]["before"]["kinds"]
    assert {path.name for path in (pair / "out").glob("kinds*")} == set(noted) == {"kinds.tif", "kinds.qml"}
    told = capsys.readouterr()
    assert "kinds of change by clusters: none, as nothing changed\n" in told.out
    assert "to learn how right the map is" not in told.err  # there is no change to sample


def test_pseudo_labels_have_kinds_too(workspace):
    done = workspace.call("predutils", "settings.kinds=clusters")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (workspace.folder / "stat").glob("*_kinds*"))
    prefix = "PLACE A_town_ED_pseudo_rescaling_True_kinds"
    assert names == [f"{prefix}{ending}" for ending in (".csv", ".png", ".qml", ".tif", "_spectra.csv")]
    # Spectra are those of the file, whatever bands are rescaled to.
    assert float(rows_of(workspace.folder / f"stat/{prefix}_spectra.csv")[0]["kind_1_before"]) > 100
