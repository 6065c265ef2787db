"""compare.py as a user runs it, on small scenes: its tables and pictures, what is run again, what it refuses."""

import csv
import html
import json
import os
import pickle
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

import compare
import config
import hscd
import image_pairs
from conftest import ONE_PLACE, PROJECT, Workspace, make_pair, write_bands, write_mat
from earlier_runs import leave
from hscd.models import saved as models
from hscd.readers import open_image
from hscd.scenes.domain_shift import statistics
from hscd.scenes.fingerprint import fingerprint, window_of
from hscd.search import engines
from hscd.system import processes
from hscd.system.interrupts import ctrl_c_heeded
from hscd.thresholds.otsu import otsu
from tiny_model import PARAMETERS, WEIGHTS

METHODS = ["ED", "SAM+otsu+majority", "ED+chi2"]


def run(*arguments):
    return compare.main([str(argument) for argument in arguments])


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def without_measures(path):
    """Rows without what each run measures anew."""
    return [{key: value for key, value in row.items() if key not in ("seconds", "memory")} for row in table(path)]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Three methods on PLACE A with two seeds; one of the methods fails."""
    space = Workspace(tmp_path_factory.mktemp("compare"), text=ONE_PLACE + "\n[compare]\nseeds = 2\n")
    space.write_data()
    given = ["--config", space.file, "--set", "settings.report=True"]
    arguments = [*given, "--methods", *METHODS, "--out", space.folder / "out"]
    assert run(*arguments) == 0
    return arguments, space.folder / "out"


@pytest.fixture
def again(compared, tmp_path):
    """The command and the folder of `compared`, in a copy that can be changed."""
    arguments, folder = compared
    copy = shutil.copytree(folder, tmp_path / "copy")
    return [*arguments[:-1], copy], copy


@pytest.fixture
def begun(monkeypatch):
    """The cells that are run: in this process, as starting others takes longer than running them."""
    found = []

    def each_apart(work, tasks, workers):
        for position, task in enumerate(tasks):
            work(task)
            found.append(task)
            yield position, 0

    monkeypatch.setattr(engines, "each_apart", each_apart)
    return found


def test_the_files_are_there_and_the_ranking_is_that_of_the_maps(compared):
    _, out = compared
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        "ranking.csv", "ranking.md", "runs.csv", "agreement.csv", "differences.csv", "run.json", "cells",
        "PLACE A_maps.png", "PLACE A_curves.png", "run.html", "report.html",
    }  # fmt: skip
    page = (out / "run.html").read_text(encoding="utf-8")
    advised = (out / "ranking.md").read_text(encoding="utf-8").splitlines()[2].removeprefix("- ")
    assert all(said in page for said in ("<h2>Ranking</h2>", "<h2>PLACE A: maps</h2>", f">{html.escape(advised)}<"))
    before, after, changed = make_pair(1)
    truth = np.where(changed, 0, 1)
    truth[-4:] = 2
    expected = hscd.detect(before, after, detector="ED", threshold="otsu", correction="none", truth=truth)
    rows = {(row["pair"], row["method"], row["seed"]): row for row in table(out / "runs.csv")}
    assert set(rows) == {("town", name, seed) for name in ("ED+otsu", METHODS[1], METHODS[2]) for seed in "01"}
    row = rows["town", "ED+otsu", "0"]
    assert float(row["kappa"]) == pytest.approx(expected.counts.kappa)
    assert float(row["share"]) == pytest.approx((expected.labels == 0).mean())
    assert float(row["threshold"]) == pytest.approx(expected.cut.value)
    assert 0 < float(row["average_precision"]) <= 1
    assert float(row["memory"]) > 20
    assert float(row["seconds"]) > 0
    with np.load(out / row["map"]) as stored:
        np.testing.assert_array_equal(stored["labels"], expected.labels)
    ranking = table(out / "ranking.csv")
    of_ed = next(row for row in ranking if row["method"] == "ED+otsu")
    assert float(of_ed["kappa"]) == pytest.approx(expected.counts.kappa)
    assert (of_ed["seen"], float(of_ed["kappa_sd"]), float(of_ed["stability_seeds"])) == ("no labels", 0, 1)
    assert [row["rank"] for row in ranking] == ["1", "2", ""]


def test_what_fails_is_a_row_with_its_reason(compared):
    _, out = compared
    failed = table(out / "ranking.csv")[2]
    assert (failed["method"], failed["failed"], failed["runs"]) == ("ED+chi2", "2", "2")
    assert failed["reason"].startswith("the scores have no chi-square distribution")
    text = (out / "ranking.md").read_text(encoding="utf-8")
    assert "| ED+chi2 | 2 of 2 | the scores have no chi-square distribution" in text
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert sum("ED+chi2: no map" in line for line in record["warnings"]) == 1


def test_the_same_command_runs_what_is_missing_alone(again, begun, capsys):
    arguments, out = again
    before = without_measures(out / "runs.csv")
    assert run(*arguments) == 0
    assert begun == []
    assert "runs done: 6, to be run: 0" in capsys.readouterr().err
    rows = table(out / "runs.csv")
    assert [rows[at]["method"] for at in (0, 1)] == ["ED+otsu", "SAM+otsu+majority"]
    (out / rows[0]["map"]).write_bytes(b"PK\x03\x04 damaged")
    (out / rows[1]["map"]).with_suffix(".json").write_text("{")
    assert run(*arguments) == 0
    assert sorted((cell.method.name, cell.seed) for cell in begun) == [("ED+otsu", 0), ("SAM+otsu+majority", 0)]
    assert without_measures(out / "runs.csv") == before


def test_another_option_label_or_band_is_another_cell(again, begun):
    arguments, _ = again
    few = [*arguments[:2], *arguments[-2:], "--seeds", 1, "--methods"]
    assert run(*few, "ED", "ED+otsu+majority", "--set", "settings.floor_p=0.5") == 0
    assert [cell.method.name for cell in begun] == ["ED+otsu+majority"]
    begun.clear()
    assert run(*few, "ED", "--set", "PLACE A.changedLabel=2", "--set", "PLACE A.unchangedLabel=1") == 0
    assert run(*few, "ED", "--set", "PLACE A.bands=1-3") == 0
    assert [cell.pair.bands for cell in begun] == [5, 3]
    begun.clear()
    assert run(*few, "ED", "--set", "settings.seed=7") == 0
    assert [cell.seed for cell in begun] == [7]


def test_results_do_not_depend_on_the_workers(compared, tmp_path):
    arguments, out = compared
    again = [*arguments[:-1], tmp_path / "again", "--workers", 1, "--seeds", 1, "--methods", *METHODS[:2]]
    assert run(*again) == 0
    expected = [row for row in without_measures(out / "runs.csv") if row["seed"] == "0" and row["method"] != METHODS[2]]
    assert without_measures(tmp_path / "again" / "runs.csv") == expected
    for name in ("PLACE A_maps.png", "PLACE A_curves.png"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.usefixtures("begun")
def test_pairs_of_a_data_set_are_compared_each(workspace):
    assert run("--config", workspace.file, "--data", "PLACE B", "--methods", "ED", "--seeds", 1) == 0
    out = workspace.folder / "stat" / "comparison"
    rows = table(out / "runs.csv")
    assert [row["pair"] for row in rows] == ["east", "west"]
    (row,) = table(out / "ranking.csv")
    assert float(row["kappa"]) == pytest.approx(np.mean([float(row["kappa"]) for row in rows]))
    assert "| method | PLACE B east | PLACE B west |" in (out / "ranking.md").read_text(encoding="utf-8")
    assert (out / "PLACE B west_maps.png").is_file()


def test_pairs_are_rescaled_together_and_each_is_read_by_itself(workspace, begun, monkeypatch):
    opened = []
    monkeypatch.setattr(
        image_pairs,
        "open_pair",
        lambda files, *rest, to=image_pairs.open_pair: opened.append(files.name) or to(files, *rest),
    )
    method = "ED:apply_rescaling=True"
    assert run("--config", workspace.file, "--data", "PLACE B", "--methods", method, "--seeds", 1) == 0
    rows = table(workspace.folder / "stat/comparison/runs.csv")
    assert workspace.call("predutils", "settings.train_set=PLACE B").returncode == 0
    for row in rows:
        pseudo = pickle.loads((workspace.folder / f"data/b/pseudo/{row['pair']}.pickle").read_bytes())
        assert float(row["threshold"]) == pytest.approx(pseudo["threshold"])
    # By the command itself, for the ranges and for the map: the first one twice, with the other one for its bands.
    assert opened == ["east", "west"] + ["east", "east", "west"] * 2 + ["east", "west"]


def test_an_interrupted_comparison_goes_on(space, monkeypatch, begun, capsys):
    space.write_data()
    arguments = ["--config", space.file, "--methods", "ED", "SAM", "--seeds", 1, "--workers", 1]
    with monkeypatch.context() as patch:

        def interrupted(work, tasks, workers):
            yield next(iter(processes.each_apart(work, tasks, workers)))
            with ctrl_c_heeded():
                raise KeyboardInterrupt

        patch.setattr(engines, "each_apart", interrupted)
        assert run(*arguments) == 130
    assert not (space.folder / "stat/comparison/ranking.csv").exists()
    assert run(*arguments) == 0
    assert [cell.method.name for cell in begun] == ["SAM+otsu"]
    assert len(table(space.folder / "stat/comparison/ranking.csv")) == 2


def test_a_run_whose_process_dies_is_a_row_and_is_tried_again(space, monkeypatch, begun, capsys):
    space.write_data()
    arguments = ["--config", space.file, "--methods", "ED", "--seeds", 1]
    with monkeypatch.context() as patch:
        patch.setattr(engines, "each_apart", lambda work, tasks, workers: ((at, -9) for at in range(len(tasks))))
        assert run(*arguments) == 0
    (row,) = table(space.folder / "stat/comparison/ranking.csv")
    assert row["reason"] == "its process ended by signal 9, perhaps for want of memory"
    assert "No method can be recommended" in capsys.readouterr().out
    assert run(*arguments) == 0
    assert len(begun) == 1
    assert table(space.folder / "stat/comparison/ranking.csv")[0]["reason"] == ""


@pytest.mark.usefixtures("begun")
def test_two_images_without_labels_are_told_of_agreement_and_stability(tmp_path, capsys):
    before, after, _ = make_pair(1, 40, 60)
    write_bands(tmp_path / "old.tif", before)
    write_bands(tmp_path / "new.tif", after)
    out = tmp_path / "out"
    data = ["--data", tmp_path / "old.tif", tmp_path / "new.tif", "--seeds", 1, "--out", out]
    leave(out / "run.json", "compare", {}, "old", {"map": ["old_curves.png"]})
    assert run(*data, "--methods", "ED", "SAM", "ED+triangle", "--set", "nodata=0") == 0
    said = capsys.readouterr().out
    assert "There are no labels, so nothing here says how accurate a map is." in said
    assert "kappa " not in said.split("There are no labels")[0]
    rows = {row["method"]: row for row in table(out / "ranking.csv")}
    assert set(rows) == {"ED+otsu", "SAM+otsu", "ED+triangle"}
    maps = {}
    for row in table(out / "runs.csv"):
        with np.load(out / row["map"]) as stored:
            maps[row["method"]] = stored["labels"]
    # Agreement is with maps of other scores: ED with SAM, not with ED.
    agreed = hscd.evaluation.comparison.agreement(maps["ED+otsu"], maps["SAM+otsu"])
    assert float(rows["ED+otsu"]["agreement"]) == pytest.approx(agreed)
    # The wider side is cut in two; each half is mapped by itself.
    halves = np.concatenate(
        [hscd.detect(before[:, part], after[:, part], detector="ED", threshold="otsu", correction="none").labels
         for part in (slice(0, 30), slice(30, 60))], axis=1,
    )  # fmt: skip
    expected = hscd.evaluation.comparison.agreement(halves, maps["ED+otsu"])
    assert float(rows["ED+otsu"]["stability_halves"]) == pytest.approx(expected)
    assert rows["ED+otsu"]["kappa"] == rows["ED+otsu"]["rank"] == ""
    # What something speaks against is not recommended.
    chosen = [row["against"] for row in rows.values() if row["recommended"] == "True"]
    assert chosen == [""][: any(row["against"] == "" for row in rows.values())]
    names = {path.name for path in out.iterdir()}
    assert "old_maps.png" in names
    noted = json.loads((out / "run.json").read_text(encoding="utf-8"))["written"]
    assert {name: list(parts["map"]) for name, parts in noted.items()} == {"comparison": [], "old": ["old_maps.png"]}
    assert "old_curves.png" not in names
    # One pair without labels has no ranking, and one table says all of it.
    text = (out / "ranking.md").read_text(encoding="utf-8")
    assert "No label judges here, so this is no ranking by accuracy." in text
    assert "not ranked" not in text
    assert "## By pair" not in text
    assert "differences.csv" not in names


@pytest.mark.usefixtures("begun")
def test_two_images_with_labels(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(PROJECT)
    before, after, changed = make_pair(1)
    for name, image in (("old", before), ("new", after)):
        savemat(tmp_path / f"{name}.mat", {"cube": image})
    Image.fromarray(np.where(changed, 1, 2).astype(np.uint8)).save(tmp_path / "truth.png")
    opened, open_images = [], image_pairs.open_images
    monkeypatch.setattr(image_pairs, "open_images", lambda *of: opened.append(of[:2]) or open_images(*of))
    status = run(
        "--data", tmp_path / "old.mat", tmp_path / "new.mat", "--labels", tmp_path / "truth.png", "--methods", "ED",
        "--seeds", 1, "--out", tmp_path / "out", "--set", "changedLabel=1", "--set", "unchangedLabel=2",
    )  # fmt: skip
    assert status == 0
    # Once for the comparison, its pictures as well, and once by the run.
    assert opened == [(tmp_path / "old.mat", tmp_path / "new.mat")] * 2
    assert float(table(tmp_path / "out/ranking.csv")[0]["kappa"]) > 0.5
    made = tmp_path / "out" / "ED+otsu_change"
    of_labels = "--set changedLabel=1 --set unchangedLabel=2"
    told = f"detect.py {tmp_path}/old.mat {tmp_path}/new.mat --labels {tmp_path}/truth.png --out {made} {of_labels} "
    told += "--set detector=ED --set threshold=otsu"
    said = capsys.readouterr().out
    assert re.search(f"^To make its map of these images: .* Net/{re.escape(told)}\n", said, re.MULTILINE)
    assert f"{PROJECT / 'Net'}/{told}" in (tmp_path / "out/ranking.md").read_text(encoding="utf-8")


def test_a_model_says_that_it_has_seen_the_scene(tmp_path):
    before, after, changed = (part[..., :2] if part.ndim == 3 else part for part in make_pair(1))
    text = ONE_PLACE.replace("PLACE A", "SEEN").replace("data/a/before", "a.npy").replace("data/a/after", "b.npy")
    text = text.replace("data/a/label", "t.npy").replace("matLabel = cube", "")
    space = Workspace(tmp_path, text=text)
    for file, array in (("a", before), ("b", after), ("t", np.where(changed, 1, 2).astype(np.uint8))):
        np.save(tmp_path / f"{file}.npy", array)
    place = fingerprint(window_of(before), window_of(after), before.shape)
    models.save_model(tmp_path / "model" / "M", PARAMETERS, WEIGHTS, rescaled=True, trained_on=[place])
    assert run("--config", space.file, "--seeds", 1, "--methods", "M") == 0
    (row,) = table(tmp_path / "stat/comparison/ranking.csv")
    assert (row["method"], row["seen"], row["rank"], row["failed"]) == ("M+otsu", "labels of this scene", "", "0")
    # The scores are those of the model on rescaled bands, cut by Otsu's threshold.
    low, high = (of(axis=(0, 1, 2)) for of in (np.stack([before, after]).min, np.stack([before, after]).max))
    outputs = (np.stack([before, after], axis=2).reshape(-1, 2, 2) - low) / (high - low)
    for layer in ("dense", "dense_1", "dense_2"):
        outputs = np.maximum(outputs @ WEIGHTS[f"{layer}/kernel"] + WEIGHTS[f"{layer}/bias"], 0)
    scores = np.linalg.norm(outputs[:, 0] - outputs[:, 1], axis=1).astype(np.float32)
    (of_run,) = table(tmp_path / "stat/comparison/runs.csv")
    assert float(of_run["threshold"]) == pytest.approx(otsu(scores), rel=1e-3)
    assert "(trained on) |" in (tmp_path / "stat/comparison/ranking.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("begun")
def test_a_fine_tuned_model_and_an_ensemble_are_compared(space, monkeypatch, capsys):
    """Against what main.py's way gives: predutils, then a fine-tuning; and against `hscd.detect`."""
    import siamese

    before, after, changed = (part[..., :2] if part.ndim == 3 else part for part in make_pair(1, 30, 40))
    for part, array in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
        write_mat(space.folder / f"data/a/{part}/town.mat", array)
    far = statistics(np.random.default_rng(0).normal(0, 1, (50, 2, 2)))
    models.save_model(space.folder / "model" / "M", PARAMETERS, WEIGHTS, rescaled=False, spectra=far)
    monkeypatch.setattr(config, "MAX_EPOCHS", 3)
    learned = []
    monkeypatch.setattr(
        siamese, "fine_tune", lambda *given, to=siamese.fine_tune, **more: learned.append(given) or to(*given, **more)
    )
    tuned = "M:pseudo_labels=ED+otsu+majority:pseudo_rescaling=True"
    methods = ["M", tuned, "ED/SAM+otsu"]
    assert run("--config", space.file, "--seeds", 1, "--methods", *methods) == 0
    rows = {row["method"]: row for row in table(space.folder / "stat/comparison/runs.csv")}
    assert [row["error"] for row in rows.values()] == [""] * 3
    told = json.loads((space.folder / "stat/comparison/run.json").read_text(encoding="utf-8"))["warnings"]
    assert "PLACE A, model M: the spectra are far from those" in capsys.readouterr().err
    assert any("model M: the spectra are far from those" in text for text in told)
    together = hscd.detect(before, after, ensemble_detectors=["ED", "SAM"], threshold="otsu", truth=~changed + 0)
    assert float(rows["ED/SAM+otsu"]["kappa"]) == pytest.approx(together.counts.kappa)
    # The model sees values as they are, the Euclidean distance rescaled ones; a part of the scene is tuned on first.
    low, high = (of(axis=(0, 1, 2)) for of in (np.stack([before, after]).min, np.stack([before, after]).max))
    of_pseudo = hscd.detect(
        ((before - low) / (high - low)).astype(np.float32), ((after - low) / (high - low)).astype(np.float32),
        detector="ED", threshold="otsu", correction="majority",
    )  # fmt: skip
    _, batch_size, pairs, labels = learned[-1]
    assert batch_size == PARAMETERS["batch_size"]
    np.testing.assert_array_equal(labels, of_pseudo.corrected.ravel())
    np.testing.assert_array_equal(pairs, np.stack([before, after], 2).reshape(-1, 2, 2))
    assert rows["M+otsu" + tuned[1:]]["threshold"] != rows["M+otsu"]["threshold"]
    ranking = {row["method"]: row["seen"] for row in table(space.folder / "stat/comparison/ranking.csv")}
    assert ranking["M+otsu" + tuned[1:]] == "labels, of which scene its file does not say"


@pytest.mark.usefixtures("begun")
def test_a_scene_in_parts_is_judged_by_its_test_part(space, capsys):
    before, after, changed = make_pair(1, 60, 80)
    after = np.where(np.random.default_rng(0).random((60, 80, 1)) < 0.1, before[::-1], after)  # so that maps are wrong
    for part, array in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
        write_mat(space.folder / f"data/a/{part}/town.mat", array)
    divided = ["--set", "PLACE A.parts=60, 0, 40", "--set", "PLACE A.parts_block=8"]
    few = ["--config", space.file, "--seeds", 1, "--methods", "ED", *divided]
    assert run(*few, "--out", space.folder / "out") == 0
    # The parts are those that main.py takes, whatever the folder of the results.
    parts = open_image(space.folder / "stat/PLACE A_town_parts.tif").read()[:, :, 0]
    truth = np.where(parts == 3, np.where(changed, 0, 1), 2)
    expected = hscd.detect(before, after, detector="ED", threshold="otsu", correction="none", truth=truth)
    (row,) = table(space.folder / "out/runs.csv")
    assert 0 < expected.counts.kappa < 1
    assert float(row["kappa"]) == pytest.approx(expected.counts.kappa)
    assert f"judged by the {np.count_nonzero(truth != 2):,} labels of its test part" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--data", "PLACE C"],
            "--data PLACE C: neither a data set of net.conf (--config FILE names another) nor one of two existing im",
        ),
        (["--data", "nope", __file__], "--data nope: no such file, nor a data set of net.conf"),
        (["--data", __file__, "nope"], "--data nope: no such file, nor a data set of net.conf"),
        (["--data", __file__], "test_compare.py: the second of two images is missing; expected --data BEFORE AFTER"),
        (["--methods", "irmat"], "irmat is neither a detector nor a model in"),
        (["--methods", "ED", "ED+otsu"], "ED+otsu: the same method as ED+otsu; remove one of the two"),
        (["--methods", ""], "--methods, --data: found no name; expected names"),
        (["--labels", "x.png"], "--labels: goes with --data BEFORE AFTER"),
        (["--set", "compare.seeds=0"], "[compare] seeds: found '0'; expected an integer from 1 to 1000"),
        (
            ["--set", "compare.data=PLACE A, NOWHERE"],
            "[compare] data: found 'NOWHERE'; expected the name of a data",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(workspace, capsys, arguments, said):
    workspace.text += "\n[compare]\n"
    file = workspace.file
    before = workspace.contents()
    assert run("--config", file, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert workspace.contents() == before or not (workspace.folder / "stat/comparison/cells").exists()


def test_help_answers_at_once_without_tensorflow(tmp_path):
    for package in ("tensorflow", "keras", "hyperopt", "matplotlib", "sklearn"):
        (tmp_path / f"{package}.py").write_text("raise SystemExit('a heavy import')\n")
    done = subprocess.run(
        [sys.executable, str(PROJECT / "Net" / "compare.py"), "--help"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("--methods", "--data", "--labels", "--seeds", "--workers", "--out", "--config", "--set"):
        assert option in done.stdout
