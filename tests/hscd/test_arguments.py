"""What the library says of its arguments: one line by their names, always an `InputError`."""

import math
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import hscd
from hscd.arguments import OF_DETECT, OF_PAIR, names, told_by_arguments
from hscd.detectors import scored
from hscd.records import PIXEL_GRID
from hscd.scores import ScoreMap
from hscd.system.naming import given, named, place

IMAGES = np.zeros((4, 4, 2)), np.ones((4, 4, 2))
LABELS, SCORES = np.ones((4, 4), int), np.zeros((4, 4))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("change_amount", "rare", 'options={"change_amount": "rare"}'),
        ("chi2_p", 0.01, 'options={"chi2_p": 0.01}'),
        ("normalisation", "pif", 'normalisation="pif"'),
        ("nodata", -9999.5, "nodata=-9999.5"),
        ("nodata", math.nan, "nodata=math.nan"),
        ("bands", "1-4", 'bands="1-4"'),
        ("bands", "4", 'bands="4"'),
        ("register", True, "register=True"),
        ("unknownLabel", "nan", "unknown_label=math.nan"),
        ("unknown_label", 5, "unknown_label=5"),
    ],
)
def test_a_key_is_given_as_an_argument_or_an_option(key, value, said):
    with told_by_arguments():
        assert given(key, value) == said
    assert given(key, value) == f"{key} = {value}"


def test_keys_and_places_are_named_as_arguments():
    with told_by_arguments():
        assert (named("matLabel"), named("changedLabel"), named("bands")) == ("variable", "changed_label", "bands")
        assert place("town", "bands") == "bands"


def test_what_a_message_quotes_keeps_its_words():
    # A folder called threshold=otsu, and one that a file says is meant by matLabel.
    with told_by_arguments(), pytest.raises(hscd.InputError, match=r"/threshold=otsu/matLabel/register = True\.npy"):
        hscd.open_pair("/threshold=otsu/matLabel/register = True.npy", "/b.npy")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detector": "x"}, "detector: no detector 'x'; known: COS, "),
        ({"threshold": 3}, "threshold: no threshold 3; known: chi2, "),
        ({"correction": "x"}, "correction: no correction 'x'; known: majority, "),
        ({"normalisation": "x"}, "normalisation: no normalisation 'x'; known: histogram, "),
        ({"shift_tolerance": "x"}, "shift_tolerance: one of none, one_way, both_ways expected, received 'x'"),
        ({"detector": hscd.DETECTORS["cva"]}, "detector: a name or an instance expected, received the class Cva; "),
        ({"detector": Path("m/ED.h5")}, "detector: a name or an instance expected, received the file 'm/ED.h5'; "),
        ({"detector": None}, "detector: a name or an instance expected, received NoneType, which has no name, "),
        ({"ensemble_detectors": 5},
         'ensemble_detectors: names expected, as ["cva", "irmad"] or "cva, irmad", received 5'),
        ({"ensemble_detectors": "ED, x"}, "ensemble_detectors: no detector 'x'; "),
        ({"ensemble_detectors": ["ED", "x"]}, "ensemble_detectors: no detector 'x'; "),
        ({"ensemble": 0}, "ensemble: an integer >= 1 expected, received 0"),
        ({"ensemble": "2"}, "ensemble: an integer >= 1 expected, received '2'"),
        ({"seed": -1}, "seed: an integer >= 0 expected, received -1"),
        ({"nodata": "x"}, "nodata: a number expected, received 'x'"),
        ({"options": "change_amount"}, "options: values by name expected, as "),
        ({"options": {"change_amount": "seldom"}}, "options: change_amount: auto, rare or plentiful expected, "),
        ({"detector": "ED", "options": {"change_amount": "rare"}},
         "options: none of the methods in use (detector ED, threshold otsu, correction none, normalisation none) has "
         "an option 'change_amount'; none of them has options; it goes with threshold empirical_null"),
        ({"options": {"x": 1}}, "options: none of the methods in use (detector context_regression, threshold "
         "empirical_null, correction none, normalisation none) has an option 'x'; their options are change_amount"),
        ({"options": {"ensemble": 2}}, "options: 'ensemble' is an argument of hscd.detect, not an option"),
        ({"options": {"bands": "1"}}, "options: 'bands' is an argument of hscd.open_pair, not an option"),
        ({"change_amount": "rare"}, "change_amount: an option, not an argument: options={'change_amount': 'rare'}"),
        ({"bands": "1-4"}, "bands: an argument of hscd.open_pair, which takes files alone; slice the arrays: "),
        ({"bad_bands": "2"}, "bad_bands: an argument of hscd.open_pair, which takes files alone; leave bands of "),
        ({"labels": np.zeros((5, 4))}, "labels: truth=… is the argument of hscd.detect, for an array of labels"),
        ({"change_amount": np.zeros((5, 4))},
         "change_amount: an option, not an argument: options={'change_amount': …}"),
        ({"treshold": "otsu"}, "treshold: no argument of hscd.detect; did you mean threshold?"),
        ({"x": 1}, "x: no argument of hscd.detect; its arguments are before, after, detector, "),
        ({"detector": "sam"}, "detector: no detector 'sam'; did you mean SAM?; known: COS, "),
        ({"threshold": np.zeros((5, 4))}, "threshold: no threshold ndarray; known: "),
        ({"options": {"chnage_amount": "rare"}}, "options: none of the methods in use (detector context_regression, "
         "threshold empirical_null, correction none, normalisation none) has an option 'chnage_amount'; did you mean "
         "change_amount?; their options are "),
        ({"options": {"change_amount": np.zeros((5, 4))}},
         "options: change_amount: auto, rare or plentiful expected, received ndarray"),
        ({"truth": np.zeros((5, 4)), "changed_label": 1},
         "found changed_label=1, unchanged_label=1; expected different values; unchanged_label is 1 unless it is "
         "given"),
        ({"truth": np.zeros((5, 4)), "changed_label": [np.zeros((5, 4))]},
         "changed_label: a number or several expected, received ndarray"),
        ({"shift_tolerance": np.zeros((5, 4))},
         "shift_tolerance: one of none, one_way, both_ways expected, received ndarray"),
        ({"truth": np.zeros((5, 4)), "unchanged_label": 0}, "found changed_label=0, unchanged_label=0; expected "
         "different values; changed_label is 0 unless it is given"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_in_one_line(given, said):
    with pytest.raises(hscd.InputError) as caught:
        hscd.detect(*IMAGES, **given)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: hscd.detect(IMAGES[0]), "after: missing; "),
        (
            lambda: hscd.detect([[1, [2]]], IMAGES[0]),
            "an array (rows, columns, bands) expected, received lists of several",
        ),
        (
            lambda: hscd.detect("a", "b", bands="1-4"),
            "bands: an argument of hscd.open_pair, whose scene hscd.detect "
            "takes: hscd.detect(hscd.open_pair(before, after, bands='1-4'))",
        ),
        (
            lambda: hscd.detect("a", "b", labels=Path("l")),
            "labels: an argument of hscd.open_pair, whose scene "
            "hscd.detect takes: hscd.detect(hscd.open_pair(before, after, labels='l'))",
        ),
        (lambda: hscd.open_pair("a", "b", label="c"), "label: no argument of hscd.open_pair; did you mean labels?"),
        (lambda: hscd.open_pair("a", "b", truth="c"), "truth: an argument of hscd.detect, not of hscd.open_pair"),
        (lambda: hscd.open_pair("no/x.img", "b"), f"{Path('no/x.img')}: no such file or folder"),
        (
            lambda: hscd.THRESHOLDS["empirical_null"](IMAGES[0], "rar", degrees=5),
            "change_amount: auto, rare or plentiful expected, received 'rar'",
        ),
        (
            lambda: hscd.THRESHOLDS["chi2"](IMAGES[0], chi_p=5, degrees=5),
            "chi_p: no argument of threshold chi2; did you mean chi2_p?",
        ),
        (lambda: hscd.THRESHOLDS["chi2"](IMAGES[0], chi2_p=5, degrees=5), "chi2_p: a number in ]0, 1[ expected, "),
        (
            lambda: hscd.DETECTORS["irmad"](*IMAGES),
            'detector irmad: takes no images; hscd.detect(before, after, detector="irmad")',
        ),
        (lambda: hscd.DETECTORS["deep_features"](IMAGES[0]), "detector deep_features: takes no images; "),
        (lambda: hscd.DETECTORS["pca_cva"](pca_variance=5), "pca_variance: a number in ]0, 1] expected, received 5"),
        (
            lambda: hscd.detect(*IMAGES, detector=hscd.DETECTORS["ED"]),
            "detector: a name or an instance expected, received the function ED; call it to make one",
        ),
        (lambda: hscd.THRESHOLDS["otsu"](*IMAGES), "threshold otsu: too many positional arguments; "),
        (lambda: hscd.THRESHOLDS["otsu"](), "threshold otsu: missing a required argument: 'scores'; "),
        (
            lambda: hscd.CORRECTIONS["majority"](IMAGES[0].astype(int), IMAGES[1], 3),
            "correction majority: labels and scores of one shape (rows, columns) expected, received (4, 4, 2) and ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](LABELS, SCORES),
            "correction majority: missing a required argument: 'radius'; ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](LABELS, SCORES, True),
            "correction majority: radius: an integer >= 1 expected, received True; hscd.CORRECTIONS[",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](LABELS, SCORES, radius=0),
            "correction majority: radius: an integer >= 1 expected, received 0; ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](LABELS, SCORES, radius=2.5),
            "correction majority: radius: an integer >= 1 expected, received 2.5; ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](SCORES, SCORES, 3),
            "correction majority: labels: an array of integers expected, received float64; ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](labels=LABELS, scores="x", radius=3),
            "correction majority: scores: an array of numbers expected, received str; ",
        ),
        (
            lambda: hscd.CORRECTIONS["majority"](LABELS[0], SCORES[0], 3),
            "correction majority: labels and scores of one shape (rows, columns) expected, received (4,) and (4,); ",
        ),
        (
            lambda: hscd.CORRECTIONS["none"](LABELS[:0], SCORES[:0], 3),
            "correction none: labels and scores of one shape (rows, columns) expected, received (0, 4) and (0, 4); ",
        ),
        (
            lambda: hscd.CORRECTIONS["none"](LABELS, SCORES[:2], 3),
            "correction none: labels and scores of one shape (rows, columns) expected, received (4, 4) and (2, 4); ",
        ),
        (
            lambda: hscd.CORRECTIONS["none"](LABELS + 2, SCORES, 3),
            "correction none: labels: 0 (changed), 1 (unchanged) and 2 (unknown) expected, received 3; ",
        ),
        (
            lambda: hscd.CORRECTIONS["none"](LABELS - 2, SCORES, 3),
            "correction none: labels: 0 (changed), 1 (unchanged) and 2 (unknown) expected, received -1; ",
        ),
        (
            lambda: hscd.CORRECTIONS["potts"](LABELS, SCORES, 3, scene=IMAGES[0]),
            "correction potts: scene: a scene or None expected, received ndarray; ",
        ),
        *(
            (
                lambda degrees=degrees: hscd.THRESHOLDS["chi2"](IMAGES[0], degrees=degrees),
                f"degrees: a number > 0 or None expected, received {degrees}",
            )
            for degrees in (math.nan, math.inf, -1, 0, True)
        ),
        (lambda: hscd.NORMALISATIONS["pif"](*IMAGES), "normalisation pif: a scene expected, received ndarray; "),
        (
            lambda: hscd.THRESHOLDS["otsu"](IMAGES[0] > 0),
            "scores: an array of numbers or a ScoreMap expected, received bool",
        ),
        (
            lambda: hscd.THRESHOLDS["chi2"](IMAGES[0], degrees="x"),
            "degrees: a number > 0 or None expected, received 'x'",
        ),
        (lambda: hscd.THRESHOLDS["otsu"](IMAGES[0], scale="lin"), "scale must be one of "),
        (lambda: ScoreMap(SCORES, PIXEL_GRID, "a", degrees=0), "degrees: a number > 0 or None expected, received 0"),
        (lambda: scored("cva", IMAGES[0], None), 'detector: hscd.DETECTORS["cva"]() expected, for example, received '),
        (lambda: scored(hscd.DETECTORS["cva"](), IMAGES, None), "scene: a scene of hscd.open_pair expected, received "),
        (
            lambda: hscd.detect(),
            "hscd.detect: missing a required argument: 'before'; expected hscd.detect(before, after, ",
        ),
        (lambda: hscd.detect(*IMAGES, "cva"), "hscd.detect: too many positional arguments; "),
        (lambda: hscd.open_pair("a"), "hscd.open_pair: missing a required argument: 'after'; "),
        (lambda: hscd.detect(*IMAGES, rescale="no"), "rescale: True or False expected, received 'no'"),
        (lambda: hscd.open_pair("a", "b", register=1), "register: True or False expected, received 1"),
        (lambda: hscd.open_pair("a", "b", rescale=None), "rescale: True or False expected, received None"),
        (lambda: hscd.open_pair("a", "b", nodata=True), "nodata: a number expected, received True"),
        (lambda: hscd.open_pair("a", "b", scale=0), "scale: a number > 0 expected, received 0"),
        (lambda: hscd.open_pair("a", "b", scale=math.inf), "scale: a number > 0 expected, received inf"),
        (lambda: hscd.open_pair("a", "b", variable=("x",)), "variable: a name or a pair of names expected, as "),
        (lambda: hscd.open_pair("a", "b", variable=3), "variable: a name or a pair of names expected, as "),
        (lambda: hscd.open_pair("a", "b", labels=IMAGES[0]), "labels: a path expected, received ndarray"),
        (
            lambda: hscd.detect(IMAGES[0][0], IMAGES[1][0]),
            "expected two arrays of the same shape (rows, columns, bands), received (4, 2) and (4, 2); "
            "array[..., np.newaxis] has one band",
        ),
        (lambda: hscd.detect(*IMAGES, truth=[[1], [1, 2]]), "truth: an array expected, received lists of several "),
        (lambda: hscd.confusion([[0], [1, 1]], [0]), "prediction: an array expected, received lists of several "),
        (
            lambda: hscd.confusion(hscd, [0]),
            "prediction: labels 0 changed, 1 unchanged and 2 unknown expected, received module",
        ),
        (lambda: hscd.open_pair(*IMAGES), "before: a path expected, received ndarray"),
        (lambda: hscd.open_pair("a", "b", bands="two"), "bands: numbers from 1, ranges or common expected, "),
        (
            lambda: hscd.open_pair("a", "b", bad_bands=3),
            "bad_bands: numbers from 1, ranges or file or water expected, ",
        ),
        (lambda: hscd.open_pair("a", "b", scale="x"), "scale: a number expected, received 'x'"),
        (lambda: hscd.load_model(3), "path: a path expected, received int"),
        (lambda: hscd.TrainedNetwork("a", 3), "model: a model of hscd.load_model expected, received int"),
        (lambda: hscd.predict(3, IMAGES[0]), "model: a model of hscd.load_model expected, received int"),
        (lambda: hscd.confusion([0], [0, 1]), "maps of one shape expected, received (1,) and (2,)"),
        (lambda: hscd.write_map("x", IMAGES[0]), "found: a map of hscd.detect expected, received ndarray"),
    ],
)
def test_other_calls_say_which_argument_is_wrong(call, said):
    with pytest.raises(hscd.InputError) as caught:
        call()
    assert str(caught.value).startswith(said)


def test_options_are_read_as_the_texts_of_a_configuration_file():
    before = np.random.default_rng(0).uniform(1, 2, (12, 12, 3))
    after = before + np.random.default_rng(1).normal(0, 0.1, before.shape)
    wanted = {"detector": "cva", "threshold": "otsu", "correction": "median"}
    maps = [hscd.detect(before, after, **wanted, options={"median_radius": radius}).corrected for radius in (1, "3", 3)]
    assert (maps[1] == maps[2]).all()
    assert (maps[0] != maps[1]).any()  # a window of one pixel changes nothing, one of 5 × 5 does


def test_arguments_that_are_no_options_are_those_of_the_functions():
    of_detect, of_pair = (set(signature(of).parameters) for of in (hscd.detect, hscd.open_pair))
    assert set(OF_DETECT) == of_detect - {"before", "after", "options"}
    assert set(OF_PAIR) == of_pair - of_detect
    # Each of them has its advice for arrays; that of `labels` is `truth`.
    for name in OF_PAIR:
        with pytest.raises(hscd.InputError, match=f"^{name}: "):
            hscd.detect(*IMAGES, **{name: 1})


def test_names_are_a_list_or_a_text():
    assert names("x", "cva, irmad,") == names("x", ["cva", "irmad"]) == names("x", ("cva", "irmad")) == ["cva", "irmad"]
    assert names("x", "") == []
