"""sample.py: from a change map to a sample, labels as a GIS leaves them, and what they say of the map."""

import csv
import json
import math
import re
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import rasterio

import sample
from conftest import PROJECT
from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis

UTM = Grid((10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0), rasterio.CRS.from_epsg(32633).to_wkt())
# What GIS programs bring for the triggers of a GeoPackage.
SPATIAL = ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")


def change_map(seed=0):
    """80 × 100 labels, 8 % of them changed, and a column without data."""
    labels = (np.random.default_rng(seed).random((80, 100)) > 0.08).astype(np.uint8)
    labels[:, 7] = 2
    return labels


@pytest.fixture
def place(tmp_path):
    gis.write_change_map(tmp_path / "change.tif", change_map(), UTM)
    return tmp_path


def run(*arguments):
    return sample.main([str(argument) for argument in arguments])


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def label(path, answer):
    """Fill in the column as a GIS does: `answer` gets row, column and stratum of a point."""
    with sqlite3.connect(path) as database:
        for name in SPATIAL:
            database.create_function(name, 1, lambda _: 0)
        for number, *of in database.execute('SELECT fid, "row", "column", stratum FROM sample').fetchall():
            database.execute('UPDATE sample SET "class" = ? WHERE fid = ?', (answer(*of), number))
    database.close()


def points(path):
    fields, told = gis.read_points(path)
    return {name: values.tolist() for name, values in fields.items()}, told


def test_a_sample_is_drawn_from_a_map(place, capsys):
    labels = change_map()
    changed, unchanged = (int((labels == value).sum()) for value in (0, 1))
    assert run(place / "change.tif", "--size", 200, "--minimum", 60, "--seed", 3) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(
        f"200 points: 60 of {changed:,} changed and 140 of {unchanged:,} unchanged pixels, in random order\n"
    )
    # With the folder, so that it can be pasted.
    assert re.search(rf"; then run\n  \S+ \S+ --labelled {place}/change_sample\.gpkg\n", said.out)
    assert said.out.endswith(f"results: {place}\n")
    found, told = points(place / "change_sample.gpkg")
    assert list(found) == ["id", "row", "column", "stratum", "class"]
    assert found["id"] == list(range(1, 201))
    assert found["class"] == [None] * 200
    # Strata as the map writes classes: 1 changed, 0 unchanged.
    assert found["stratum"] == [1 - labels[place] for place in zip(found["row"], found["column"], strict=True)]
    assert (sum(found["stratum"]), told["MAP"]) == (60, "change.tif")
    assert 0 < sum(found["stratum"][:60]) < 60  # not one class after the other
    record = json.loads((place / "change_sample_run.json").read_text(encoding="utf-8"))
    assert (record["command"], record["seed"], record["settings"]["size"]) == ("sample", 3, 200)
    assert record["inputs"][0]["map"]["path"] == str(place / "change.tif")
    strata = {"changed": {"pixels": changed, "points": 60}, "unchanged": {"pixels": unchanged, "points": 140}}
    assert record["results"]["change"]["strata"] == strata


def test_the_size_follows_from_the_standard_error(place, capsys):
    labels = change_map()
    weight = (labels == 0).sum() / (labels != 2).sum()
    options = ("--standard-error", 0.02, "--changed-accuracy", 0.8, "--unchanged-accuracy", 0.9, "--minimum", 50)
    assert run(place / "change.tif", *options) == 0
    # (Σ W·√(U(1 − U)) / 0.02)²
    size = math.ceil((weight * 0.4 + (1 - weight) * 0.3) ** 2 / 0.02**2)
    out = capsys.readouterr().out
    assert out.startswith(f"{size} points: 50 of ")
    error = math.sqrt(weight**2 * 0.16 / 49 + (1 - weight) ** 2 * 0.09 / (size - 51))
    assert f"overall accuracy to ± {1.96 * error:.3f}" in out


def test_the_size_is_at_least_what_is_needed_and_at_most_what_there_is(place, capsys):
    assert run(place / "change.tif", "--standard-error", 0.9, "--out", place / "a") == 0
    assert capsys.readouterr().out.startswith("4 points: 2 of ")
    assert run(place / "change.tif", "--standard-error", 1e-4, "--out", place / "b") == 0
    assert capsys.readouterr().out.startswith("7,920 points: ")


def test_a_sample_that_is_too_small_for_rare_change_is_told(tmp_path, capsys):
    labels = np.ones((100, 100), np.uint8)
    labels[:10, :10] = 0  # 1 %, of which 50 points would tell the share to ± 6 %
    gis.write_change_map(tmp_path / "change.tif", labels, UTM)
    assert run(tmp_path / "change.tif", "--size", 50) == 0
    assert "the area of change would be uncertain by more than the map calls changed" in capsys.readouterr().err


def test_a_map_of_numbers_with_nan_and_a_relative_path(tmp_path, monkeypatch, capsys):
    values = np.array([[1, 0, np.nan], [255, 0, 1]], np.float32)
    (tmp_path / "maps").mkdir()
    np.save(tmp_path / "maps" / "m.npy", values)
    monkeypatch.chdir(tmp_path / "maps")
    assert run("m.npy", "--size", 4, "--out", tmp_path / "work") == 0
    assert "4 points: 2 of 2 changed and 2 of 2 unchanged pixels" in capsys.readouterr().out
    assert points(tmp_path / "work" / "m_sample.gpkg")[1]["MAP"] == "../maps/m.npy"


def test_the_same_seed_draws_the_same_sample(place):
    drawn = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(place / "change.tif", "--out", place / folder, "--seed", seed, "--size", 50) == 0
        drawn.append(points(place / folder / "change_sample.gpkg")[0]["row"])
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_sample_with_labels_is_never_drawn_anew(place, capsys):
    assert run(place / "change.tif", "--size", 50) == 0
    before = (place / "change_sample.gpkg").read_bytes()
    assert run(place / "change.tif", "--size", 50) == 2
    exists = f"error: {place}/change_sample.gpkg: already exists, a sample of"
    none = "label them, or, for another sample, choose another folder (--out) or remove it"
    assert capsys.readouterr().err.endswith(f"{exists} this map, with no labels yet; {none}\n")
    assert (place / "change_sample.gpkg").read_bytes() == before
    gis.write_labels(place / "change_sample.gpkg", {1: "1", 2: "unsure"})
    before = (place / "change_sample.gpkg").read_bytes()
    assert run(place / "change.tif", "--size", 50) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{exists} this map, with labels of 2 of its 50 points, which a new one would discard; ")
    assert said.endswith(f"sample.py --labelled {place}/change_sample.gpkg\n")
    assert (place / "change_sample.gpkg").read_bytes() == before


def test_a_sample_of_an_earlier_map_cannot_be_labelled_for_the_new_one(place, capsys):
    assert run(place / "change.tif", "--size", 50) == 0
    gis.write_change_map(place / "change.tif", 1 - np.minimum(change_map(), 1), UTM)
    capsys.readouterr()
    assert run(place / "change.tif", "--size", 50) == 2
    earlier = "already exists, a sample of an earlier or another map, with"
    said = capsys.readouterr().err
    assert said.endswith(f"{earlier} no labels yet; choose another folder (--out), or remove it\n")
    gis.write_labels(place / "change_sample.gpkg", {7: "0"})
    assert run(place / "change.tif", "--size", 50) == 2
    said = capsys.readouterr().err
    assert said.endswith(f"{earlier} labels of 1 of its 50 points; choose another folder (--out)\n")


def labelled(place, answer, *options):
    assert run(place / "change.tif", "--size", 120, "--minimum", 40, *options) == 0
    file = place / "change_sample.gpkg"
    label(file, answer)
    return file


def test_labels_give_matrix_accuracy_and_area(place, capsys):
    """What is mapped changed is not in every fourth column; what is mapped unchanged is changed in every tenth row."""

    def answer(row, column, stratum):
        return int(column % 4 > 0) if stratum else int(row % 10 == 0)

    file = labelled(place, answer)
    capsys.readouterr()
    assert run("--labelled", file) == 0
    said = capsys.readouterr()
    labels, (found, _) = change_map(), points(file)
    pixels = [int((labels == value).sum()) for value in (0, 1)]
    counts = [
        [
            sum((s, c) == (row, str(column)) for s, c in zip(found["stratum"], found["class"], strict=True))
            for column in (1, 0)
        ]
        for row in (1, 0)
    ]
    assert [sum(row) for row in counts] == [40, 80]
    weights = [count / sum(pixels) for count in pixels]
    matrix = table(place / "change_sample_matrix.csv")
    assert list(matrix[0]) == ["map_class", "pixels", "points", "changed_num", "unchanged_num", "changed", "unchanged"]
    for row, of in enumerate(matrix):
        assert (of["map_class"], int(of["pixels"])) == (("changed", "unchanged")[row], pixels[row])
        assert [int(of[name]) for name in ("changed_num", "unchanged_num")] == counts[row]
        for column, name in enumerate(("changed", "unchanged")):
            assert float(of[name]) == pytest.approx(weights[row] * counts[row][column] / sum(counts[row]))
    share = sum(weights[row] * counts[row][0] / sum(counts[row]) for row in (0, 1))
    variance = sum(
        weights[row] ** 2 * counts[row][0] * counts[row][1] / sum(counts[row]) ** 2 / (sum(counts[row]) - 1)
        for row in (0, 1)
    )
    rows = {(row["measure"], row["class"]): row for row in table(place / "change_sample_accuracy.csv")}
    assert float(rows["users_accuracy", "changed"]["estimate"]) == pytest.approx(counts[0][0] / 40)
    assert float(rows["producers_accuracy", "changed"]["estimate"]) == pytest.approx(
        weights[0] * counts[0][0] / 40 / share
    )
    agreed = (weights[0] * counts[0][0] / 40) + (weights[1] * counts[1][1] / 80)
    assert float(rows["overall_accuracy", "all"]["estimate"]) == pytest.approx(agreed)
    # Pixels of 10 m: 100 m² each.
    area = rows["area", "changed"]
    assert (float(area["estimate"]), area["unit"]) == (pytest.approx(share * sum(pixels) * 100), "m²")
    assert float(area["standard_error"]) == pytest.approx(math.sqrt(variance) * sum(pixels) * 100)
    assert float(area["upper"]) - float(area["estimate"]) == pytest.approx(1.96 * float(area["standard_error"]))
    assert f"overall accuracy: {agreed:.3f} ± " in said.out
    assert f"changed      {counts[0][0] / 40:.3f} ± " in said.out
    assert said.err == ""
    record = json.loads((place / "change_sample_accuracy_run.json").read_text(encoding="utf-8"))
    assert record["results"]["change_sample"]["unlabelled"] == 0
    assert record["results"]["change_sample"]["estimates"][0]["estimate"] == pytest.approx(agreed)


def test_labels_may_be_words_and_missing(place, capsys):
    """As a column of text has them: every seventh is empty."""
    words = {1: ["changed", " Changed", "1"], 0: ["unchanged", "0", "UNCHANGED "]}

    def answer(row, column, stratum):
        return ["", None][row % 2] if column % 7 == 0 else words[stratum][row % 3]

    file = labelled(place, answer)
    kept = sum(column % 7 > 0 for column in points(file)[0]["column"])
    capsys.readouterr()
    assert run("--labelled", file) == 0
    said = capsys.readouterr()
    assert (
        f"change_sample.gpkg: {120 - kept} of 120 points are not labelled yet; the estimates hold only if" in said.err
    )
    # Where the labels are those of the map there is no error to see, which is no proof that there is none.
    given, strata = (points(file)[0][name] for name in ("class", "stratum"))
    asked = [sum(bool(one) and of == stratum for one, of in zip(given, strata, strict=True)) for stratum in (1, 0)]
    assert f"all {asked[0]} points on changed pixels and all {asked[1]} points on unchanged pixels agree" in said.out
    assert re.search(r"overall accuracy: 1\.000 \(0\.9\d\d … 1\.000\)", said.out)
    assert "± 0.000" not in said.out
    assert "labelled points on unchanged pixels is changed: up to " in said.err


def test_labels_may_be_numbers_of_another_column_and_what_is_unlikely_to_be_missed_is_not_told(place, capsys):
    """All that is mapped changed is; of the others a third: what is missed there is less than the interval."""
    file = labelled(place, as_mapped)
    with sqlite3.connect(file) as database:
        database.execute('ALTER TABLE sample DROP COLUMN "class"')
        database.execute('ALTER TABLE sample ADD COLUMN "class" REAL')
    database.close()
    label(file, lambda row, column, stratum: float(stratum or column % 3 == 0))
    capsys.readouterr()
    assert run("--labelled", file) == 0
    said = capsys.readouterr()
    assert said.err == ""
    drawn = points(file)[0]["stratum"].count(1)
    assert f"changed    1.000 ({1 - 3 / drawn:.3f} … 1.000)  " in said.out


def test_a_map_without_a_place_and_without_change(tmp_path, capsys):
    gis.write_change_map(tmp_path / "m.tif", np.ones((30, 40), np.uint8), PIXEL_GRID)
    assert run(tmp_path / "m.tif", "--size", 20) == 0
    said = capsys.readouterr()
    assert "20 points: 0 of 0 changed and 20 of 1,200 unchanged pixels" in said.out
    assert "m.tif: all pixels are unchanged: this is a simple random sample" in said.err
    label(tmp_path / "m_sample.gpkg", lambda row, column, stratum: int(column < 20))
    assert run("--labelled", tmp_path / "m_sample.gpkg") == 0
    out = capsys.readouterr().out
    assert "undefined" in out  # the user's accuracy of changed
    found = sum(column < 20 for column in points(tmp_path / "m_sample.gpkg")[0]["column"])
    assert f" {1200 * found / 20:.0f} ± " in out


def as_mapped(row, column, stratum):
    return stratum


def test_a_sample_finds_its_map_where_both_were_moved(place, capsys):
    assert run(place / "change.tif", "--size", 120, "--out", place / "town" / "work") == 0
    (place / "town" / "change.tif").write_bytes(b"")
    (place / "elsewhere").mkdir()
    for name in ("change.tif", "town"):
        (place / name).rename(place / "elsewhere" / name)
    file = place / "elsewhere" / "town" / "work" / "change_sample.gpkg"
    label(file, as_mapped)
    assert run("--labelled", file, "--out", place / "results") == 0
    assert sorted(path.name for path in (place / "results").iterdir()) == [
        "change_sample_accuracy.csv", "change_sample_accuracy_run.html", "change_sample_accuracy_run.json",
        "change_sample_matrix.csv", "report.html",
    ]  # fmt: skip
    (place / "elsewhere" / "change.tif").rename(place / "renamed.tif")
    capsys.readouterr()
    assert run("--labelled", file) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "its map ../../change.tif does not exist; give it: " in line
    assert line.endswith(f"sample.py MAP --labelled {file}")
    assert run("--labelled", file, "--out", place / "results") == 2
    assert capsys.readouterr().err.endswith(f"sample.py MAP --labelled {file} --out {place}/results\n")
    assert run(place / "renamed.tif", "--labelled", file) == 0


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--size", "ten", "an integer >= 2"),
        ("--minimum", "1", "an integer >= 2"),
        ("--standard-error", "1", "a number in ]0, 1["),
        ("--seed", "-1", "an integer from 0 to 4294967295"),
    ],
)
def test_a_value_that_is_not_allowed_is_told_with_those_that_are(option, value, expected, capsys):
    with pytest.raises(SystemExit):
        sample.main(["m.tif", f"{option}={value}"])
    assert capsys.readouterr().err.endswith(f"argument {option}: found {value!r}; expected {expected}\n")


def test_the_change_map_is_found_in_a_folder_and_beside_the_scores(place, capsys):
    assert run(place, "--size", 50) == 0
    assert f"{place}: a folder; its change map is {place}/change.tif\n" in capsys.readouterr().err
    assert points(place / "change_sample.gpkg")[1]["MAP"] == "change.tif"
    for name in ("score.tif", "TOWN_score.tif", "change.png", "score.png"):
        (place / name).write_bytes(b"scores")
    for scores, said in (
        ("score.tif", f"score.tif: holds the scores; expected the change map, which is {place}/change.tif\n"),
        ("TOWN_score.tif", "TOWN_score.tif: "),  # there is no TOWN_change.tif
        ("change.png", f"change.png: is a picture; expected the change map, which is {place}/change.tif\n"),
        ("score.png", f"score.png: is a picture; expected the change map, which is {place}/change.tif\n"),
        ("change_sample.gpkg", "change_sample.gpkg: is a sample; to estimate from it: "),
    ):
        assert run(place / scores) == 2
        error = capsys.readouterr().err
        assert said in error
        assert ("holds the scores" in error) == (scores == "score.tif")


def test_a_folder_of_results_may_be_a_link(place):
    (place / "far" / "away").mkdir(parents=True)
    (place / "link").symlink_to(place / "far" / "away", target_is_directory=True)
    assert run(place / "change.tif", "--size", 50, "--out", place / "link") == 0
    label(place / "link" / "change_sample.gpkg", as_mapped)
    assert run("--labelled", place / "link" / "change_sample.gpkg") == 0


def test_a_sample_says_nothing_of_another_map(place, capsys):
    file = labelled(place, as_mapped)
    other = change_map(1)
    gis.write_change_map(place / "change.tif", other, UTM)
    found, _ = points(file)
    different = sum(
        {0: 1, 1: 0, 2: 255}[int(other[row, column])] != stratum
        for row, column, stratum in zip(found["row"], found["column"], found["stratum"], strict=True)
    )
    capsys.readouterr()
    assert run("--labelled", file) == 2
    assert (
        f"change.tif: {different} of 120 points of change_sample.gpkg have another class here"
        in capsys.readouterr().err
    )
    # Too small for the points.
    gis.write_change_map(place / "change.tif", change_map()[:1, :1], UTM)
    assert run("--labelled", file) == 2
    assert not list(place.glob("*_accuracy*"))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('UPDATE sample SET "class" = NULL', "0 labelled points on changed pixels, at least 2 are needed"),
        (
            'UPDATE sample SET "class" = NULL '
            "WHERE stratum = 0 AND id > (SELECT MIN(id) FROM sample WHERE stratum = 0)",
            "1 labelled point on unchanged pixels, at least 2 are needed",
        ),
        ('UPDATE sample SET "class" = 2 WHERE id < 4', "3 points with a class that is unknown: 2"),
        ("UPDATE sample SET \"class\" = 'cloud' WHERE id = 4", "1 point with a class that is unknown: cloud"),
        ('UPDATE sample SET "row" = NULL WHERE id = 4', "expected a whole number in each row"),
        ("UPDATE sample SET stratum = 1 - stratum WHERE id = 4", "1 of 120 points of "),
        ('UPDATE sample SET "row" = -1 WHERE id = 4', "1 of 120 points of "),
        ('UPDATE sample SET "column" = 100 WHERE id = 4', "1 of 120 points of "),
        ('UPDATE sample SET "row" = 80 WHERE id = 4', "1 of 120 points of "),
        (
            'UPDATE sample SET ("row", "column", stratum) = (SELECT "row", "column", stratum FROM sample WHERE id = 5) '
            "WHERE id = 4",
            "contains duplicate points",
        ),
        (
            "ALTER TABLE sample DROP COLUMN stratum",
            "expected the columns row, column, stratum, class, stratum is missing",
        ),
        ("DELETE FROM gpkg_metadata", "sample.gpkg: does not name its map; give it: "),
    ],
)
def test_what_a_sample_may_not_hold(place, capsys, statement, said):
    file = labelled(place, as_mapped)
    with sqlite3.connect(file) as database:
        for name in SPATIAL:
            database.create_function(name, 1, lambda _: 0)
        database.execute(statement)
    database.close()
    capsys.readouterr()
    assert run("--labelled", file) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize(
    ("option", "value"),
    [("--standard-error", "0"), ("--changed-accuracy", "1.5"), ("--minimum", "1"), ("--size", "x"), ("--seed", "-1")],
)
def test_options_out_of_range_are_told(place, capsys, option, value):
    with pytest.raises(SystemExit) as ended:
        run(place / "change.tif", option, value)
    assert ended.value.code == 2
    assert f"argument {option}: found '{value}'" in capsys.readouterr().err


def test_help_answers_without_anything_slow():
    done = subprocess.run(
        [sys.executable, PROJECT / "Net" / "sample.py", "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--labelled FILE" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected a change map to draw a sample from, or --labelled with a sample"),
        (["nothing.tif"], "nothing.tif: no such file"),
        (["change.tif", "--size", "8000"], "--size 8000: expected 4 to 7920 points, as the map has 7,920 pixels"),
        (["change.tif", "--size", "3"], "--size 3: expected 4 to 7920 points"),
        (["--labelled", "change.tif"], "change.tif: expected the GeoPackage that sample.py wrote"),
        (["truth.tif"], "truth.tif: expected a change map of 1 changed, 0 unchanged and 255 no data, found 1, 2"),
        (["empty.tif"], "empty.tif: holds no data"),
    ],
)
def test_what_cannot_be_is_one_line(place, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(place)
    for name, values in (("truth", [[1, 2], [2, 2]]), ("empty", [[255, 255], [255, 255]])):
        with rasterio.open(
            name + ".tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8", crs=UTM.crs,
            transform=rasterio.Affine(*UTM.transform),
        ) as file:  # fmt: skip
            file.write(np.array(values, np.uint8), 1)
    assert run(*arguments, "--out", "new/folder") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (place / "new").exists()
