"""What `hscd.detect` says of a map beside the map: its doubts, how right it is, how it is printed."""

import numpy as np
import pytest

import hscd
from detector_scenes import changed_pair, image_of, scene_of, smooth_noise, uneven_pair
from hscd.evaluation.ensemble import Members
from hscd.system.messages import collected

WANTED = {"detector": "ED", "threshold": "otsu"}


def pair():
    """Two images of 6 × 8 pixels and 3 bands, of which a rectangle of 2 × 3 changed, and where."""
    before = np.random.default_rng(0).uniform(1, 2, (6, 8, 3))
    after, changed = before + 0.01, np.zeros((6, 8), bool)
    changed[1:3, 2:5] = True
    after[changed] += 3
    return before, after, changed


def test_light_that_was_taken_out_is_told():
    pairs = {True: uneven_pair()[:2], False: changed_pair(2, 80, 90)[:2]}
    for uneven, images in pairs.items():
        told = hscd.detect(*images).warnings
        assert any(warning.startswith("the light changed from place to place") for warning in told) == uneven


def test_the_doubts_of_detect_py_are_in_the_result():
    before = smooth_noise(np.random.default_rng(0), 96, 96, 3) + 10
    # Brighter by two deviations everywhere, and two rows lower: what is there is change of neither.
    found = hscd.detect(before, np.roll(before, 2, 0) + 2, **WANTED)
    for said in ("3 of 3 bands shift between the dates", "the images seem to be shifted by 2.0 rows and 0.0 columns"):
        assert sum(said in warning for warning in found.warnings) == 1
    assert any('(normalisation="pif" or detector="context_regression" takes' in warning for warning in found.warnings)
    # What a caller can do, who has no key of net.conf.
    assert any("hscd.open_pair(…, register=True)" in warning for warning in found.warnings)
    assert not any("register = True" in warning for warning in found.warnings)
    # Noise, cut by Otsu: no label confirms that more than a fifth of it changed.
    noise = np.random.default_rng(1).random((2, 30, 30, 3))
    assert any("are called changed; more than" in warning for warning in hscd.detect(*noise, **WANTED).warnings)
    assert hscd.detect(*pair()[:2], **WANTED, rescale=True).warnings == ()
    # What the threshold says.
    same = hscd.detect(before, before, **WANTED).warnings
    assert same == ("the two images are the same in every valid pixel: nothing changed",)


# A scene of 2 rows has at most 7 columns or bands before its rows are doubted.
def test_arrays_whose_first_axis_is_short_are_doubted():
    said = "are taken for 2 rows, 8 columns and 9 bands; arrays of (bands, rows, columns)"
    for shape, doubted in (((2, 8, 9), True), ((2, 7, 9), False), ((2, 9, 7), False)):
        arrays = np.random.default_rng(0).random((2, *shape))
        assert any(said in warning for warning in hscd.detect(*arrays, **WANTED).warnings) == doubted


def test_doubts_of_an_ensemble_name_the_detector():
    before, after, _ = changed_pair(0)
    found = hscd.detect(before, after, threshold="otsu", ensemble=2, ensemble_detectors=["ED", "SAM"])
    single = hscd.detect(before, after, **WANTED)
    of_scores = [warning for warning in single.warnings if "squared distances" in warning or "bands shift" in warning]
    assert of_scores
    assert [f"ED: {warning}" in found.warnings for warning in of_scores] == [True] * len(of_scores)
    alike = hscd.detect(before, after, **WANTED, ensemble=2)
    assert "ED gives the same scores for every seed, so there is no spread" in alike.warnings
    assert len(set(alike.warnings)) == len(alike.warnings)  # those of its second map are left out


def test_images_of_two_places_are_doubted_once():
    down, right = (of[..., np.newaxis] + np.float32(1) for of in np.mgrid[0:40, 0:40])
    for several in ((), ("ED", "cva")):
        found = hscd.detect(down, right, detector="ED", threshold="otsu", ensemble_detectors=several)
        assert sum("the images have little in common" in warning for warning in found.warnings) == 1


def test_what_arrays_hold_is_doubted_and_masked():
    before, after, _ = pair()
    before[4:, :] = 0  # a third of the pixels, in every band
    found = hscd.detect(before, after, **WANTED)
    assert "before array: 0 in every band of 33.3 % of the pixels; if they hold no data: nodata=0" in found.warnings
    masked = np.ma.masked_equal(before, 0)
    for result in (hscd.detect(masked, after, **WANTED), hscd.detect(before, after, **WANTED, nodata=0)):
        assert (np.isnan(result.score_map.scores) == (before == 0).all(axis=2)).all()
        assert (result.labels[4:] == hscd.UNKNOWN).all()
    judged = hscd.detect(masked, after, **WANTED, truth=np.ones((6, 8), int))
    assert (judged.truth == np.where(np.arange(6) < 4, hscd.UNCHANGED, hscd.UNKNOWN)[:, None]).all()
    with pytest.raises(hscd.InputError, match="no valid pixels"):
        hscd.detect(before * np.nan, after)
    with pytest.raises(ValueError, match="arrays of real numbers expected, received complex numbers and float64"):
        hscd.detect(before + 0j, after)
    with pytest.raises(ValueError, match="two files, two arrays or one scene expected, received str and ndarray"):
        hscd.detect("before.npy", after)
    with pytest.raises(ValueError, match=r"after: missing; expected hscd\.detect\(before, after\)"):
        hscd.detect(before)


def test_labels_in_other_values_are_mapped_or_refused():
    before, after, changed = pair()
    # 6 pixels changed; the first row, of which none did, has no label: 48 - 6 - 8 unchanged.
    stored = np.where(changed, 1, 2)
    stored[0] = 0
    mapped = {"changed_label": 1, "unchanged_label": 2, "unknown_label": 0}
    counts = hscd.detect(before, after, **WANTED, truth=stored, **mapped).counts
    assert (counts.true_positives, counts.true_negatives, counts.total) == (6, 34, 40)
    # Unmapped they are the program's own: 1 is unchanged, and the map is refuted.
    wrong = hscd.detect(before, after, **WANTED, truth=stored)
    assert any("no better than chance; check the map, and which values" in warning for warning in wrong.warnings)
    with pytest.raises(
        ValueError, match=r"labels 0 \(changed\), 1 \(unchanged\) and 2 \(unknown\), received True and False"
    ):
        hscd.detect(before, after, truth=changed)
    flags = {"changed_label": True, "unchanged_label": False}
    assert hscd.detect(before, after, **WANTED, truth=changed, **flags).counts.true_positives == 6
    with pytest.raises(
        ValueError,
        match=r"labels 7 \(changed\), 2 \(unchanged\) and 0 \(unknown\); label map .* found 0, 1, 2.*changed_label",
    ):
        hscd.detect(before, after, truth=stored, **(mapped | {"changed_label": 7}))
    with pytest.raises(ValueError, match=r"\(unknown\), received shape \(3, 3\)"):
        hscd.detect(before, after, truth=np.ones((3, 3)))
    unknown = np.ma.masked_array(np.where(changed, 0, 1), stored == 0)
    assert hscd.detect(before, after, **WANTED, truth=unknown).counts.total == 40


@pytest.mark.parametrize(
    ("values", "said"),
    [
        # Defaults count: 1 is unchanged, 2 is unknown.
        (
            {"changed_label": [1, 2], "unknown_label": 0},
            "changed_label=1, 2, unchanged_label=1, unknown_label=0; .* diff",
        ),
        ({"changed_label": 1, "unchanged_label": 2, "unknown_label": 2}, "unknown_label=2; expected different values"),
        ({"changed_label": True}, "found changed_label=True, unchanged_label=1; "),
        ({"changed_label": [3, 3]}, "changed_label=3, 3, "),
        ({"changed_label": None}, "changed_label: a number or several expected, received None$"),
        ({"unchanged_label": np.array([])}, "unchanged_label: a number or several expected, received array"),
        ({"changed_label": "12"}, "changed_label: a number or several expected, received '12'"),
        ({"changed_label": 5, "unchanged_label": 6}, "found 1, 2; configured changed_label=5, unchanged_label=6$"),
        (
            {"changed_label": 5, "unchanged_label": 2, "unknown_label": None},
            "=5 does not .* unknown_label=1$",
        ),
    ],
)
def test_label_values_are_told_by_the_arguments(values, said):
    before, after, changed = pair()
    with pytest.raises(ValueError, match=said):
        hscd.detect(before, after, truth=np.where(changed, 1, 2), **values)


def test_other_values_than_those_of_two_classes_are_unknown():
    before, after, changed = pair()
    stored = np.where(changed, 1, 2)
    stored[0, 0], stored[5] = 7, 0  # 9 pixels that did not change, of 42
    found = hscd.detect(before, after, **WANTED, truth=stored, changed_label=1, unchanged_label=2)
    assert (found.counts.true_positives, found.counts.total) == (6, 39)
    assert "truth: label map holds 0, 7: neither changed nor unchanged, counted as unknown" in found.warnings
    found = hscd.detect(before, after, **WANTED, truth=np.where(changed, 1, 2), changed_label=1, unchanged_label=2)
    assert not any("neither changed" in warning for warning in found.warnings)
    # Of the program's own labels, 2 is unknown and nothing else.
    own = np.where(changed, 0, 1)
    own[0, 0] = 2
    found = hscd.detect(before, after, **WANTED, truth=own)
    assert found.counts.total == 47
    assert not any("neither changed" in warning for warning in found.warnings)
    own[0, 0] = 3
    with pytest.raises(
        hscd.InputError,
        match=r"labels 0 \(changed\), 1 \(unchanged\) and 2 \(unknown\).* found 0, 1, 3; configured .*unknown_label=2",
    ):
        hscd.detect(before, after, **WANTED, truth=own)


# Most maps count 1 as changed. What is given, if only one of both, is meant.
@pytest.mark.parametrize(
    ("values", "said"), [({}, True), ({"changed_label": 0}, False), ({"changed_label": 1, "unchanged_label": 0}, False)]
)
def test_what_labels_are_taken_for_is_told_where_no_values_are_given(values, said):
    before, after, changed = pair()
    start = "truth: changed_label and unchanged_label are not given: 0 is taken for changed, 1 for unchanged; "
    found = hscd.detect(before, after, **WANTED, truth=changed.astype(int), **values)
    assert [text.startswith(start) for text in found.warnings if "not given" in text] == [True] * said


def test_labels_of_other_values_than_the_programs_own_leave_kappa_undefined():
    before, after, changed = pair()
    # As 0, 1 and 2 stand for changed, unchanged and unknown, labels of 1 and 2 have no changed pixel.
    found = hscd.detect(before, after, **WANTED, truth=np.where(changed, 1, 2))
    said = "truth: changed_label=0 does not occur: label map holds 1, 2, so kappa and F1 are undefined"
    assert [warning for warning in found.warnings if "truth" in warning] == [said]
    assert np.isnan([found.corrected_counts.kappa, found.corrected_counts.f1]).all()
    assert "kappa undefined of 6 labelled pixels" in repr(found)


def test_label_values_may_be_arrays_and_booleans():
    before, after, changed = pair()
    several = np.where(changed, 1, 3)
    several[1] *= 2  # 2 and 6: 3 of the 6 changed pixels, and 5 unchanged ones
    mapped = {"changed_label": np.array([1, 2]), "unchanged_label": np.array([3, 6]), "unknown_label": None}
    flags = {"changed_label": [True], "unchanged_label": np.array([False])}
    for truth, values in (
        (several, mapped),
        (changed, flags),
        (several > 2, {"changed_label": [False], "unchanged_label": True}),
    ):
        assert hscd.detect(before, after, **WANTED, truth=truth, **values).counts.true_positives == 6
    with pytest.raises(ValueError, match="received True and False"):
        hscd.detect(before, after, truth=changed, changed_label=[1], unchanged_label=0)
    with pytest.raises(ValueError, match="received text; labels are numbers or booleans"):
        hscd.detect(before, after, truth=changed.astype(int).astype("U1"))
    with pytest.raises(
        ValueError, match=r"truth: an array expected, received the path 'gt\.npy'; hscd\.open_pair reads"
    ):
        hscd.detect(before, after, truth="gt.npy")


def test_label_values_without_labels_are_refused():
    before, after, _ = pair()
    for images in ((before, after), (scene_of(before, after),)):
        with pytest.raises(
            ValueError, match="changed_label, unchanged_label, unknown_label go with truth, received none"
        ):
            hscd.detect(*images, changed_label=7)


def test_a_model_is_no_detector():
    class Functional:  # has what a Keras model has
        name = "ED"

        def fit(self, pairs, labels):
            raise NotImplementedError

    said = r"received Functional, which has no unit, halo, scale; .* hscd\.TrainedNetwork\(name, model\)"
    with pytest.raises(ValueError, match=said):
        hscd.detect(*pair()[:2], detector=Functional())


def test_what_is_printed_is_short():
    before, after, changed = pair()
    found = hscd.detect(before, after, **WANTED, truth=1 - changed, changed_label=0)
    scores = f"threshold {found.cut.value:.5g}, kappa 1.000 of 48 labelled pixels"
    # 6 of 48 pixels are 12.5 %.
    expected = f"<MapResult of arrays: 6 × 8 pixels, 12.50 % changed, by ED, {scores}"
    assert repr(found) == f"{expected}, no warnings>"
    before[:, 0, 0] = np.nan
    found = hscd.detect(before, after + 9, **WANTED)
    assert repr(found).endswith(f", {len(found.warnings)} warning{'s' * (len(found.warnings) != 1)}>")
    assert str(found).splitlines() == [repr(found), *(f"warning: {warning}" for warning in found.warnings)]
    assert found.warnings
    ends = f"{np.nanmin(found.score_map.scores):.5g} to {np.nanmax(found.score_map.scores):.5g}"
    assert repr(found.score_map) == f"<ScoreMap: 6 × 8 float32 by ED, {ends}>"
    scene = scene_of(before, after)
    told = "6 × 8 pixels, 3 bands, float64 and float64, no pixel masked, values as they are, no labels"
    assert repr(scene) == f"<Scene town: {told}>"
    assert repr(image_of(before)) == "<Image a.npy: 6 × 8 pixels, 3 bands, float64>"
    members = Members((6, 8))
    members.add(np.where(changed, np.float32(0.5), np.float32(0)), 1 - changed)
    assert repr(members) == "<Members: 1 map of 6 × 8 pixels, 12.50 % uncertain>"


def test_bands_without_data_are_named_with_what_leaves_them_out(tmp_path):
    before, after, _ = pair()
    before[:, :, 1] = after[:, :, 1] = -32768
    found = hscd.detect(before, after, **WANTED)
    said = "band 2 is -32768 in every pixel; if that means no data: "
    assert f"after array: {said}np.delete(array, …, axis=2)" in found.warnings
    with pytest.raises(hscd.InputError, match=r"band 2 holds no data at all: leave it out with np\.delete\(array"):
        hscd.detect(before, after, nodata=-32768)
    for name, image in (("before", before), ("after", after)):
        np.save(tmp_path / f"{name}.npy", image)
    with collected() as told:
        hscd.open_pair(tmp_path / "before.npy", tmp_path / "after.npy")
    assert f'{tmp_path}/before.npy: {said}bad_bands="2"' in told
    with pytest.raises(hscd.InputError, match=r'leave it out with hscd\.open_pair\(…, bad_bands="2"\)$'):
        hscd.detect(tmp_path / "before.npy", tmp_path / "after.npy", nodata=-32768)


def test_a_detector_beside_those_of_an_ensemble_is_told_to_be_passed_over():
    before, after, _ = pair()
    said = "detector: passed over, as ensemble_detectors make the maps; name it among them"
    for named, told in (({"detector": "SAM"}, True), ({"detector": "ED"}, False), ({}, False)):
        found = hscd.detect(before, after, threshold="otsu", ensemble_detectors="ED, cva", **named)
        assert (said in found.warnings) == told


def test_results_are_compared_as_objects():
    before, after, _ = pair()
    found, other = (hscd.detect(before, after, **WANTED) for _ in range(2))
    with pytest.raises(hscd.InputError, match=r"received MapResult; it has a score_map$"):
        hscd.THRESHOLDS["otsu"](found)
    assert found == found
    assert found != other
    assert found.score_map != other.score_map
    assert len({found, other}) == 2
