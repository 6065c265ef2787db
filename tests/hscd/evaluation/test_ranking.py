"""Runs put together, and what is recommended from them."""

import numpy as np
import pytest

from hscd.evaluation.comparison import Difference
from hscd.evaluation.ranking import Run, ranked
from hscd.evaluation.recommendation import by_labels, without_labels


def run(method, pair="p", seed=0, *, fair=True, error="", doubts=(), **figures):
    return Run(method, method.split("+")[0], "no labels", fair, pair, seed, figures, doubts, error)


def test_means_are_over_pairs_and_deviations_over_seeds():
    # Seed 0: mean of .2 and .6 is .4; seed 1: of .4 and .8 is .6. Mean .5, sample deviation of .4 and .6: .1 · √2.
    kappas = {("p", 0): 0.2, ("q", 0): 0.6, ("p", 1): 0.4, ("q", 1): 0.8}
    runs = [run("a+x", pair, seed, kappa=value, share=0.1, memory=100 + seed) for (pair, seed), value in kappas.items()]
    (row,) = ranked(runs, {"a+x": 0.7}, {}, True)
    assert row.means["kappa"] == pytest.approx(0.5)
    assert row.deviations["kappa"] == pytest.approx(0.1 * np.sqrt(2))
    assert row.kappas == pytest.approx({"p": 0.3, "q": 0.7})
    assert (row.memory, row.agreement, row.rank, row.runs, row.failed) == (101, 0.7, 1, 4, 0)
    assert np.isnan(row.means["f1"])
    assert np.isnan(row.seeds)


def test_one_seed_has_no_deviation():
    (row,) = ranked([run("a+x", kappa=0.5)], {}, {}, True)
    assert np.isnan(row.deviations["kappa"])


def test_the_best_come_first_then_what_failed_then_what_was_trained_on_it():
    runs = [
        run("seen+x", fair=False, kappa=0.99), run("low+x", kappa=0.1), run("part+x", "p", kappa=0.9),
        run("part+x", "q", error="no distribution"), run("high+x", kappa=0.8), run("odd+x", kappa=None),
    ]  # fmt: skip
    rows = ranked(runs, {}, {}, True)
    assert [(row.method, row.rank) for row in rows] == [
        ("high+x", 1), ("low+x", 2), ("odd+x", 3), ("part+x", None), ("seen+x", None),
    ]  # fmt: skip
    assert (rows[3].failed, rows[3].runs, rows[3].reason) == (1, 2, "no distribution")
    assert rows[4].unfair == {"p"}


def test_without_labels_there_is_an_order_but_no_rank():
    rows = ranked(
        [run("a+x", share=0.1, halves=0.6), run("b+x", share=0.1, halves=0.9)], {"a+x": 0.5, "b+x": 0.5}, {}, False
    )
    assert [(row.method, row.rank) for row in rows] == [("b+x", None), ("a+x", None)]
    assert rows[0].consistency == pytest.approx(0.7)
    # A steady map of half of the pixels comes after one that nothing speaks against.
    rows = ranked([run("a+x", halves=0.9, share=0.5), run("b+x", halves=0.6, share=0.1)], {}, {}, False)
    assert [row.method for row in rows] == ["b+x", "a+x"]


def difference(p, rank_p=None):
    return Difference(-0.1, -0.2, -0.05, p, rank_p)


def test_labels_recommend_the_best_and_name_what_is_not_told_apart():
    rows = ranked(
        [run("a+x", kappa=0.8, seconds=9.0), run("b+x", kappa=0.7, seconds=2.0), run("c+x", kappa=0.2, seconds=1.0),
         run("m+x", kappa=0.9, fair=False)], {}, {}, True,
    )  # fmt: skip
    advice = by_labels(rows, {"b+x": difference(0.2), "c+x": difference(0.001)}, 1)
    assert advice.method == "a+x"
    said = " ".join(advice.sentences)
    assert "Take a+x: it has the highest mean kappa, 0.800, on 1 labelled pair." in said
    assert "b+x is not distinguishable from it" in said
    assert "Of these, b+x is the fastest, 2.0 s." in said
    assert "better than c+x by more than chance" in said
    assert "says nothing about other scenes" in said
    assert "m+x was trained on what it is judged by here and has no part" in said


def test_the_best_is_not_called_the_fastest_of_those_like_it():
    rows = ranked([run("a+x", kappa=0.8, seconds=1.0), run("b+x", kappa=0.7, seconds=2.0)], {}, {}, True)
    assert "fastest" not in " ".join(by_labels(rows, {"b+x": difference(0.2)}, 1).sentences)


def test_with_six_pairs_the_test_over_pairs_is_told_and_a_kappa_of_chance_is_called_so():
    rows = ranked([run("a+x", kappa=0.03), run("b+x", kappa=0.01), run("c+x", kappa=0.01)], {}, {}, True)
    said = " ".join(by_labels(rows, {"b+x": difference(0.001, 0.03), "c+x": difference(0.001, 0.3)}, 6).sentences)
    assert "tell it from 1 of the other 2 (signed-rank test)" in said
    assert "none of these methods works here" in said
    assert "nothing about other scenes" not in said


def test_labels_that_leave_kappa_undefined_recommend_nothing():
    method, said = by_labels(ranked([run("a+x")], {}, {}, True), {}, 0)
    assert method is None
    assert said[0].startswith("No method can be recommended")


GOOD = {"share": 0.05, "halves": 0.9}


def recommended(*runs, agreements=None, seeds=None, pictures=("p_maps.png",)):
    rows = ranked(runs, agreements or {}, seeds or {}, False)
    method, said = without_labels(rows, "usual", pictures)
    assert said[0].startswith("There are no labels")
    text = " ".join(said)
    assert (f"Take {method}: " in text) is (method is not None)
    return text


def test_without_labels_the_default_is_taken_where_nothing_speaks_against_it():
    said = recommended(run("other+x", **GOOD | {"halves": 0.99}), run("usual+x", doubts=("rare",), **GOOD))
    assert "Take usual+x: it has the default detector" in said
    assert "It calls 5.00 % of the pixels changed; between the whole and its two halves mapped alone 0.900." in said
    assert "A doubt about usual+x remains: rare." in said
    # It comes second by consistency, .90 after .99, so why it is taken is said; not where it comes first.
    place = "That counts more than its place in the table, whose order is that of consistency"
    assert place in said
    assert place not in recommended(run("other+x", **GOOD), run("usual+x", **GOOD | {"halves": 0.99}))


def test_doubts_remain_with_labels_too_and_those_of_other_seeds_are_told_once():
    doubts = ("it fits 2.3 % as well as 12.1 %", "it fits 2.4 % as well as 12 %", "one mode")
    told = [f"A doubt about usual+x remains: {doubt}." for doubt in (doubts[0], doubts[2])]
    runs = [run("usual+x", seed=seed, doubts=doubts[seed:], kappa=0.9, seconds=1.0, share=0.1) for seed in (0, 1)]
    assert by_labels(ranked(runs, {}, {}, True), {}, 1).sentences[-2:] == told
    assert without_labels(ranked(runs, {}, {}, False), "usual", ["p_maps.png"]).sentences[-2:] == told
    # Of two other methods one has a doubt; the last sentence counts it.
    runs += [
        run(f"{name}+x", doubts=of, kappa=0.5, seconds=1.0, share=0.1) for name, of in (("a", ("odd",)), ("b", ()))
    ]
    told[1] = "A doubt about usual+x remains: one mode; maps of 1 of the other 2 methods are doubted, too."
    assert by_labels(ranked(runs, {}, {}, True), {}, 1).sentences[-2:] == told
    assert without_labels(ranked(runs, {}, {}, False), "usual", ["p_maps.png"]).sentences[-2:] == told


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        ({"share": 0.3}, "as an unusually large part is called changed: usual+x (30 %)"),
        ({"share": 0.0}, "as nothing at all is called changed: usual+x"),
        (
            {"halves": 0.2},
            "as the map depends on what else is in the image: usual+x (kappa 0.200 with that of its halves)",
        ),
    ],
)
def test_without_labels_another_is_taken_where_something_does(figures, why):
    said = recommended(run("usual+x", **GOOD | figures), run("b+x", **GOOD), run("c+x", **GOOD | {"halves": 0.95}))
    assert "Take c+x: of the methods whose maps are neither implausible nor unstable here, its maps are " in said
    assert f"Doubtful here, {why}." in said


def test_without_labels_maps_that_depend_on_the_seed_and_methods_that_failed_are_not_taken():
    said = recommended(
        run("usual+x", **GOOD), run("b+x", error="why"), run("c+x", **GOOD), seeds={"usual+x": 0.3, "c+x": 1.0},
        agreements={"c+x": 0.1},
    )  # fmt: skip
    assert "Take c+x" in said
    assert "as maps of different seeds disagree: usual+x (kappa 0.300)" in said
    assert "as there is no map: b+x (1 of 1 runs)" in said
    assert "Its maps agree little with those of the others, so look at p_maps.png before you trust them." in said
    several = [f"{name}_maps.png" for name in "pqrs"]
    disagreeing = {"agreements": {"usual+x": 0.1}}
    said = recommended(run("usual+x", **GOOD), **disagreeing, pictures=several[:2])
    assert "look at p_maps.png and q_maps.png before" in said
    said = recommended(run("usual+x", **GOOD), **disagreeing, pictures=several)
    assert "look at p_maps.png and the others like it before" in said


def test_without_labels_nothing_is_taken_where_all_are_doubtful():
    assert "No method can be recommended." in recommended(run("usual+x", share=0.5), run("b+x", share=0.0))
