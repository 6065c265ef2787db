"""An ensemble is what its detectors and seeds are, put together."""

import numpy as np
import pytest

import hscd
from detector_scenes import changed_pair, scene_of
from hscd.corrections.spatial import spatial_correction
from hscd.detectors import DETECTORS, scored
from hscd.evaluation.ensemble import turns
from hscd.evaluation.probability import probability_of_change
from hscd.scores import classify
from hscd.system.errors import InputError
from hscd.system.messages import collected, whole
from hscd.thresholds import THRESHOLDS
from pipeline.ensemble import ensembled
from pipeline.plan import Plan
from settings.two_images import settings_for


@pytest.fixture
def plan(tmp_path):
    return lambda *keys: Plan(settings_for(tmp_path / "a", tmp_path / "b", None, tmp_path / "out", keys))


@pytest.fixture(scope="module")
def scene():
    return scene_of(*changed_pair()[:2])


def one(scene, name, threshold, seed):
    """Labels and probability of a member, without the stage."""
    detector = DETECTORS[name]()
    score_map = scored(detector, scene, np.random.default_rng(seed))
    value = THRESHOLDS[threshold](score_map.scores, **score_map.for_threshold).value
    labels = classify(score_map.scores, value)
    return score_map.scores, value, labels, probability_of_change(score_map.scores, spatial_correction(labels, 2))


def test_members_are_seeds_of_their_own_and_the_first_is_that_of_a_single_map(plan, scene):
    found = ensembled(plan("ensemble=2", "seed=7", "threshold=otsu"), scene, "town")
    members = [one(scene, "context_regression", "otsu", seed) for seed in (7, [7, 1])]
    assert not np.array_equal(members[0][0], members[1][0])
    np.testing.assert_array_equal(found.first.scores, members[0][0])
    assert found.first_cut.value == members[0][1]
    np.testing.assert_allclose(found.sums.probability, np.mean([member[3] for member in members], 0), atol=1e-6)
    np.testing.assert_allclose(found.sums.spread, np.std([member[3] for member in members], 0), atol=1e-5)
    votes = np.sum([member[2] == 0 for member in members], axis=0)
    mapped = classify(found.score_map.scores, found.cut.value) == 0
    np.testing.assert_array_equal(mapped, votes + found.sums.probability > 1.5)
    assert found.members == [
        {"detector": "context_regression", "seed": seed, "threshold": member[1]} for seed, member in enumerate(members)
    ]
    assert found.score_map.seconds > found.first.seconds
    assert found.score_map.source == "ensemble of context_regression"


# SID has no known distribution, so that the floor cannot be: the threshold of least error counts; alone it is an error.
def test_each_detector_has_the_threshold_that_can_be(plan, scene):
    plans = plan("ensemble_detectors=context_regression, sid", "threshold=floor")
    found = ensembled(plans, scene, "town")
    members = [one(scene, "context_regression", "floor", 0), one(scene, "sid", "kittler_illingworth", 0)]
    assert [member["threshold"] for member in found.members] == [member[1] for member in members]
    np.testing.assert_allclose(found.sums.probability, np.mean([member[3] for member in members], 0), atol=1e-6)
    with pytest.raises(InputError, match=r"^sid: the scores have no chi-square distribution"):
        ensembled(plan("ensemble=2", "detector=sid", "threshold=floor"), scene, "town")


# A detector whose sample is all pixels, or that has none, is not fitted again and again, but counts as often.
def test_what_does_not_depend_on_the_seed_is_fitted_twice_and_told(plan, scene, monkeypatch):
    scored_by = []
    monkeypatch.setattr(Plan, "score", lambda *given, to=Plan.score: scored_by.append(given[1].name) or to(*given))
    with collected() as warnings:
        found = ensembled(plan("ensemble=5", "detector=SAM", "threshold=otsu"), scene, "town")
    assert scored_by == ["SAM", "SAM"]
    assert (found.sums.count, len(found.members), found.members[4]["seed"]) == (5, 5, 4)
    assert (found.sums.spread == 0).all()
    assert "town: SAM gives the same scores for every seed, so there is no spread" in warnings
    with collected() as warnings:
        found = ensembled(plan("ensemble=5", "ensemble_detectors=ED, SAM", "threshold=otsu"), scene, "town")
    assert found.sums.count == 10
    assert not any("every seed" in said for said in warnings)
    first, second = (one(scene, name, "otsu", 0)[3] for name in ("ED", "SAM"))
    np.testing.assert_allclose(found.sums.probability, (first + second) / 2, atol=1e-6)


def test_arrays_give_what_files_give(plan, scene):
    keys = ("ensemble=2", "ensemble_detectors=context_regression, sid", "threshold=floor", "seed=7")
    found = ensembled(plan(*keys), scene, "town")
    before, after = changed_pair()[:2]
    names = ["context_regression", "sid"]
    result = hscd.detect(before, after, ensemble=2, ensemble_detectors=names, threshold="floor", seed=7)
    np.testing.assert_array_equal(result.score_map.scores, found.score_map.scores)
    np.testing.assert_array_equal(result.members.probability, found.sums.probability)
    assert result.cut.value == 0.5
    assert hscd.detect(before, after, detector="SAM", threshold="otsu").members is None
    with pytest.raises(InputError, match="no chi-square distribution"):
        hscd.detect(before, after, ensemble=2, detector="sid", threshold="floor")
    with pytest.raises(ValueError, match="received 0"):
        hscd.detect(before, after, ensemble=0)


def test_doubts_are_told_once_a_detector(plan, scene):
    with collected() as warnings:
        ensembled(plan("ensemble=3", "ensemble_detectors=ED,SAM", "threshold=otsu"), scene, "town")
    assert warnings
    assert len(set(warnings)) == len(warnings)
    assert all(said.startswith(("town, ED: ", "town, SAM: ")) for said in warnings)


def test_each_member_is_a_part_of_the_whole(plan, scene, monkeypatch):
    plans = plan("ensemble=2", "ensemble_detectors=ED,SAM", "threshold=otsu")
    assert turns(4) == [" 1 of 4", " 2 of 4", " 3 of 4", " 4 of 4"]
    assert turns(1) == [""]
    begun = []
    expected = {part + turn: 100.0 for turn in turns(4) for part in ("fitting", "scoring")}
    with whole(**expected, mapping=1) as present:
        begin = present.begin
        monkeypatch.setattr(present, "begin", lambda name: (begin(name), begun.append((present.name, present.left))))
        ensembled(plans, scene, "town")
    assert [name for name, _ in begun] == [part + turn for turn in turns(4) for part in ("fitting", "scoring")]
    # After the first one the second is expected to take as long, not 200 s: 401 s and little more are left.
    assert 401 <= begun[2][1] < 450 < 800 < begun[0][1]
