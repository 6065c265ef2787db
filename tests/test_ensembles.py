"""Ensembles and calibration by the real commands."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import detect
from conftest import make_pair
from hscd.system import storage
from raster_scenes import opened

SINGLE = [
    "change.png", "change.qml", "change.tif", "changes.gpkg", "report.html", "run.html", "run.json", "score.png",
    "score.qml", "score.tif", "view.json",
]  # fmt: skip


@pytest.fixture
def pair(tmp_path):
    before, after, changed = make_pair(1, 40, 60)
    before[:2, :3] = 0
    np.save(tmp_path / "before.npy", before)
    np.save(tmp_path / "after.npy", after)
    Image.fromarray(np.where(changed, 1, 2).astype(np.uint8)).save(tmp_path / "truth.png")
    return tmp_path


def run(folder, out, *keys, labels=False):
    arguments = [folder / "before.npy", folder / "after.npy", "--out", folder / out, "--set", "nodata=0"]
    if labels:
        arguments += ["--labels", folder / "truth.png", "--set", "changedLabel=1", "--set", "unchangedLabel=2"]
    for key in keys:
        arguments += ["--set", key]
    assert detect.main([str(argument) for argument in arguments]) == 0
    return folder / out, json.loads((folder / out / "run.json").read_text(encoding="utf-8"))["results"]["before"]


def bands(path):
    with opened(path) as file:
        return file.read(), file.descriptions


def test_an_ensemble_of_one_is_the_single_map_to_the_last_bit(pair, capsys):
    keys = ("detector=SAM", "threshold=otsu")
    single, _ = run(pair, "single", *keys)
    said = capsys.readouterr().out
    one, _ = run(pair, "one", "ensemble=1", "ensemble_detectors=SAM", *keys[1:])
    assert capsys.readouterr().out.splitlines()[:-1] == said.splitlines()[:-1]
    assert sorted(path.name for path in single.iterdir()) == sorted(path.name for path in one.iterdir()) == SINGLE
    for name in ("change.tif", "score.tif", "change.png", "score.png"):
        assert (single / name).read_bytes() == (one / name).read_bytes()


def test_an_ensemble_says_how_sure_it_is(pair, capsys):
    out, figures = run(pair, "out", "ensemble=2", "ensemble_detectors=context_regression,cva")
    assert sorted(path.name for path in out.iterdir()) == sorted([*SINGLE, "uncertain.png"])
    (score, probability, spread), names = bands(out / "score.tif")
    assert names[2] == "standard deviation of the probability among the members"
    (single, _), _ = bands(run(pair, "single")[0] / "score.tif")
    np.testing.assert_array_equal(score, single)
    inside = np.isfinite(probability)
    assert (~inside).sum() == 6
    assert np.isnan(spread[~inside]).all()
    assert 0 < spread[inside].mean() < 0.3
    labels = bands(out / "change.tif")[0][0]
    assert (labels[~inside] == 255).all()
    assert len(figures["members"]) == 4
    between = ((probability > 0.1) & (probability < 0.9)).sum() / inside.sum()
    assert between <= figures["uncertain_share"] <= between + figures["disagreement_share"]
    assert figures["mean_spread"] == pytest.approx(spread[inside].mean(), rel=1e-4)
    said = (
        f"uncertain: {100 * figures['uncertain_share']:.2f} % of the pixels have a probability between 0.1 and 0.9, or "
        f"the 4 maps disagree ({100 * figures['disagreement_share']:.2f} %)\n"
    )
    assert said in capsys.readouterr().out
    # Yellow is what is uncertain or masked.
    with Image.open(out / "uncertain.png") as picture:
        colours = np.asarray(picture.convert("RGB"))[:, :, :].reshape(-1, 3)
    counts = [np.all(colours == colour, axis=1).sum() for colour in ((215, 25, 28), (201, 215, 239), (255, 227, 77))]
    share = (figures["uncertain_share"] * inside.sum() + 6) / 2400
    assert counts[2] / sum(counts) == pytest.approx(share, abs=0.03)


def test_labels_say_how_right_the_probability_is(pair, capsys):
    out, figures = run(pair, "out", labels=True)
    assert sorted(path.name for path in out.iterdir()) == sorted([*SINGLE, "calibration.csv", "calibration.png"])
    probability = bands(out / "score.tif")[0][1]
    changed = make_pair(1, 40, 60)[2]
    inside = np.isfinite(probability)
    assert figures["brier_score"] == pytest.approx(np.mean((probability[inside] - changed[inside]) ** 2), rel=1e-5)
    with (out / "calibration.csv").open(encoding="utf-8", newline="") as file:
        table = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert sum(row["pixels"] for row in table) == 2394
    error = sum(row["pixels"] * abs(row["probability"] - row["changed"]) for row in table) / 2394
    assert figures["calibration_error"] == pytest.approx(error)
    mapped = bands(out / "change.tif")[0][0] == 1
    promised, kept = 100 * probability[mapped].mean(), 100 * changed[mapped].mean()
    said = capsys.readouterr().out
    assert f"the probability against the labels: calibration error {error:.3f}, Brier score " in said
    assert f"; {kept:.0f} % of the pixels called changed are changed according to the labels; " in said
    assert f"; their probabilities promised {promised:.0f} %\n" in said


def test_pseudo_labels_of_an_ensemble(workspace):
    keys = ("settings.ensemble_detectors=ED,SAM", "settings.train_set=PLACE B")
    assert workspace.call("predutils", *keys).returncode == 0
    (of_east, of_west) = (
        storage.read_pickle(workspace.folder / f"data/b/pseudo/{name}.pickle") for name in ("east", "west")
    )
    assert of_east["threshold"] == of_west["threshold"] == 0.5
    # Shares of two votes and a probability: (votes + probability)/3.
    scores = of_east["distances"]
    assert ((scores > 0) & (scores < 1)).all()
    votes = np.floor(3 * scores)
    assert set(votes.tolist()) == {0, 1, 2} or set(votes.tolist()) == {0, 2}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("ensemble=0", "ensemble: found '0'; expected an integer from 1 to 100"),
        ("ensemble_detectors=cva,magic", "ensemble_detectors: found 'cva,magic'; expected names among COS, ED, SAM, "),
        ("ensemble_detectors=cva,cva", "ensemble_detectors: found 'cva,cva'; expected names among COS, ED, SAM, "),
        ("ensemble_detectors=", "ensemble_detectors: "),
    ],
)
def test_what_is_no_ensemble_is_one_line(pair, capsys, key, said):
    before, after = (str(pair / f"{name}.npy") for name in ("before", "after"))
    assert detect.main([before, after, "--set", key]) == 2
    assert said in capsys.readouterr().err
