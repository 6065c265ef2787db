"""Figures of pairs that a model was trained on are marked, and given apart from those of pairs that it has not seen."""

import json

import numpy as np
import pandas as pd
import pytest

import config
import dataprocessing as dp
import main
from conftest import CONFIGURATION, ONE_PLACE, Workspace, make_pair, write_mat
from detector_scenes import smooth_noise
from hscd.evaluation.confusion import Confusion
from hscd.scenes.fingerprint import fingerprint_of
from hscd.scenes.image import with_bands
from pipeline import report
from settings import read_settings

# PLACE B holds the pair of PLACE A under another name, and two others.
SETTINGS = CONFIGURATION.replace(
    "changedLabel = 2\nunchangedLabel = 1", "matLabel = cube\nchangedLabel = 1\nunchangedLabel = 2\nunknownLabel = 0"
)
PAIRS = {"b/{}/alike": 1, "a/{}/town": 1, "b/{}/east": 2, "b/{}/west": 3}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    space = Workspace(tmp_path_factory.mktemp("seen"), text=SETTINGS)
    for name, seed in PAIRS.items():
        before, after, changed = make_pair(seed, 30, 40)
        labels = np.where(changed, 1, 2).astype(np.uint8)
        labels[:seed] = 0  # of each pair another number of labels is known
        for part, array in (("before", before), ("after", after), ("label", labels)):
            write_mat(space.folder / f"data/{name.format(part)}.mat", array)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 3)
        main.train(read_settings(space.file, ["settings.workers=1", "hyperas settings ED.max_evals=1"]))
    return space


def record(space, name):
    return json.loads((space.folder / f"stat/{name}_run.json").read_text(encoding="utf-8"))


def test_a_search_marks_pairs_of_the_test_set_and_judges_the_others_apart(space, capsys):
    found = record(space, "M")
    assert found["results"]["best trial"]["seen_in_training"] == {"alike": "yes", "east": "no", "west": "no"}
    ((name, apart),) = found["apart"].items()
    assert (name, apart["pairs"]) == ("unseen", 2)
    # 40 columns: 28 rows of east and 27 of west are labelled.
    counts = [
        apart[f"{kind}_num"] for kind in ("true_positives", "true_negatives", "false_positives", "false_negatives")
    ]
    assert sum(counts) == 40 * (28 + 27)
    changed = [make_pair(seed, 30, 40)[2][seed:].sum() for seed in (2, 3)]
    assert counts[0] + counts[3] == sum(changed)
    assert apart["kappa"] == pytest.approx(Confusion(*counts).kappa)


def test_a_test_marks_each_pair_and_gives_means_apart(space, capsys):
    main.test(read_settings(space.file, ["settings.training=False"]))
    rows = {pair: pd.read_csv(space.folder / f"stat/PLACE B_{pair}_on_M_no fine tuning.csv").iloc[0]
            for pair in ("alike", "east", "west")}  # fmt: skip
    assert {pair: row["seen_in_training"] for pair, row in rows.items()} == {"alike": "yes", "east": "no", "west": "no"}
    found = record(space, "PLACE B_on_M_no fine tuning")
    assert found["results"]["west"]["seen_in_training"] == "no"
    unseen, seen = found["apart"]["unseen"], found["apart"]["seen"]
    assert (unseen["pairs"], seen["pairs"]) == (2, 1)
    for column in ("kappa", "f1", "overall_accuracy", "kappa_correction"):
        assert unseen[column] == pytest.approx((rows["east"][column] + rows["west"][column]) / 2)
        assert seen[column] == pytest.approx(rows["alike"][column])
    said = capsys.readouterr().out
    assert (
        f"[PLACE B] model M: mean of the 2 pairs not seen in training: kappa {unseen['kappa']:.3f}, "
        f"F1 {unseen['f1']:.3f}; corrected: kappa {unseen['kappa_correction']:.3f}, F1 "
    ) in said
    assert "mean of the 1 pair seen in training: kappa " in said


def test_of_pairs_that_are_all_seen_or_all_new_nothing_is_given_apart(space):
    main.test(read_settings(space.file, ["settings.training=False", "settings.test_set=PLACE A"]))
    found = record(space, "PLACE A_on_M_no fine tuning")
    assert found["results"]["town"]["seen_in_training"] == "yes"
    assert found["apart"] == {}


def test_pairs_of_which_a_part_was_seen_are_no_new_ones_and_unlabelled_ones_are_neither(capsys):
    def row(kappa, seen):
        return {report.SEEN: seen} | {name + of: kappa for name in report._MEANS for of in ("", "_correction")}

    rows = [row(0.5, "no"), row(float("nan"), "no"), row(0.8, "part"), row(0.6, "yes"), row(None, None)]
    found = report.tell_apart("here", rows)
    assert {name: of["pairs"] for name, of in found.items()} == {"unseen": 2, "seen": 2}
    assert found["unseen"]["kappa"] == 0.5  # of the one that has one
    assert found["seen"]["kappa"] == pytest.approx(0.7)
    assert report.tell_apart("here", rows[2:]) == report.tell_apart("here", rows[:2]) == {}


def test_a_pair_is_the_same_one_whether_or_not_it_is_registered(tmp_path):
    space = Workspace(tmp_path, text=ONE_PLACE)
    before = smooth_noise(np.random.default_rng(0), 70, 64, 3)
    labels = np.repeat(np.uint8([1, 2]), [30, 40])[:, None].repeat(64, axis=1)
    for part, array in (("before", before), ("after", np.roll(before, 2, 0)), ("label", labels)):
        write_mat(tmp_path / f"data/a/{part}/town.mat", array)
    places, values = set(), []
    for moved in (False, True):
        settings = read_settings(space.file, [f"PLACE A.register={moved}", "PLACE A.bands=1, 3"])
        (scene,) = dp.scenes("PLACE A", settings)
        places |= {*dp.labelled_pixels("PLACE A", settings).places, fingerprint_of(scene.before, scene.after)}
        places.add(fingerprint_of(with_bands(scene.before, np.arange(2)), with_bands(scene.after, np.arange(2))))
        values.append(scene.after.read()[30, 30])
    assert len(places) == 1
    np.testing.assert_allclose(values[1], before[30, 30, [0, 2]], atol=1e-3)
    assert np.abs(values[0] - values[1]).max() > 0.01
