"""Changed objects from the commands: table, picture, layer of boxes, and what the run record says of them."""

import csv
import json

import numpy as np

import detect
from conftest import Workspace
from earlier_runs import leave
from hscd.reports.gis.polygons import BOXES
from settings import read_settings
from test_kinds_of_change import pair  # noqa: F401 - a fixture


def run(folder, *overrides, labels=True):
    arguments = [str(folder / "before.tif"), str(folder / "after.tif"), "--out", str(folder / "out")]
    arguments += ["--labels", str(folder / "labels.tif")] if labels else []
    of_labels = ("changedLabel=4,9", "unchangedLabel=0", "unknownLabel=5") if labels else ()
    for override in ("detector=ED", "threshold=kmeans", "nodata=0", "objects=boxes", *of_labels, *overrides):
        arguments += ["--set", override]
    return detect.main(arguments)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_detect_writes_boxes_and_judges_them(pair, capsys):  # noqa: F811
    import pyogrio.raw

    assert run(pair) == 0
    out = pair / "out"
    rows = rows_of(out / "objects.csv")
    # Two rectangles changed; nothing else does in this scene.
    boxes = {tuple(int(row[side]) for side in ("top", "left", "bottom", "right")) for row in rows}
    assert boxes == {(5, 10, 15, 30), (30, 40, 40, 52)}
    assert (out / "objects.png").stat().st_size > 1000
    assert [row["kept_corrected"] for row in rows_of(out / "objects_kept.csv")] == ["0", "0", "2", "0"]
    meta, _, shapes, (confidences, pixels) = pyogrio.raw.read(out / "changes.gpkg", layer=BOXES)
    assert meta["fields"].tolist() == ["confidence", "pixels"]
    assert sorted(pixels.tolist()) == [120, 200]
    assert (confidences > 0.9).all()
    # Upper left corner of the pixels (5, 10) and (30, 40), 10 m each, from (366975, 5808045).
    corners = {tuple(np.frombuffer(shape[13:29], "<f8")) for shape in shapes}
    assert corners == {(367075.0, 5807995.0), (367375.0, 5807745.0)}
    said = json.loads((out / "run.json").read_text(encoding="utf-8"))["results"]["before"]["objects"]
    assert (said["found"], said["true_objects"], said["precision"], said["recall"]) == (2, 2, 1, 1)
    assert said["overlap"] == said["mean_average_precision"] == 1
    told = capsys.readouterr().out
    assert "against 2 true objects: precision 1.000, recall 1.000" in told
    assert "kept: 100 % of 2 of 100 to 999 pixels" in told


def test_without_labels_they_are_told_alone(pair, capsys):  # noqa: F811
    assert run(pair, labels=False) == 0
    noted = json.loads((pair / "out" / "run.json").read_text(encoding="utf-8"))["written"]["before"]["objects"]
    assert set(noted) == {path.name for path in (pair / "out").glob("objects*")} == {"objects.csv", "objects.png"}
    told = capsys.readouterr().out
    assert "2 changed objects, median confidence" in told
    assert "true objects" not in told


def test_nothing_changed_is_a_table_without_rows(pair):  # noqa: F811
    assert run(pair, "threshold=chi2", "detector=mad", "chi2_p=1e-300", labels=False) == 0
    assert rows_of(pair / "out" / "objects.csv") == []


def test_data_sets_have_them_too(tmp_path):
    space = Workspace(tmp_path)
    space.write_data()
    run_file, own = tmp_path / "stat/PLACE A_ED_pseudo_rescaling_True_run.json", tmp_path / "stat/kinds.png"
    other = read_settings(space.file, ["settings.threshold=triangle"])
    leave(run_file, "pseudo-labels", other, "town", {"kinds": ["kinds.tif"]})
    own.touch()
    assert space.call("predutils", "settings.objects=boxes").returncode == 0
    assert {path.name for path in (tmp_path / "stat").glob("kinds*")} == {own.name}
    names = {path.name for path in (tmp_path / "stat").glob("*_objects*")}
    assert names == {f"PLACE A_town_ED_pseudo_rescaling_True_objects{end}" for end in (".csv", ".png", "_kept.csv")}
    record = json.loads(run_file.read_text(encoding="utf-8"))
    noted = record["written"]["town"]
    assert {part: set(files) for part, files in noted.items()} == {"map": set(), "objects": names, "kinds": set()}
