"""What pages say of runs, computed of their records."""

import pytest

from hscd.reports.page import numbers
from hscd.reports.page.numbers import Value
from hscd.reports.page.render import _facts


def test_figures_with_their_intervals_before_and_after() -> None:
    row = {"kappa": 0.5, "kappa_low": 0.4, "kappa_high": 0.6, "kappa_correction": 0.7, "kappa_low_correction": 0.6,
           "kappa_high_correction": 0.8, "f1": None, "precision": 1}  # fmt: skip
    found = numbers.metrics(row)
    assert [metric.title for metric in found] == ["Cohen's kappa", "Precision"]
    assert found[0][1:] == (Value(0.5, 0.4, 0.6), Value(0.7, 0.6, 0.8))
    assert found[1][1:] == (Value(1.0, None, None), None)
    assert numbers.best_figure(row, "kappa") == Value(0.7, 0.6, 0.8)
    assert numbers.best_figure(row, "precision") == Value(1.0)
    assert numbers.number(True) is None


def test_figures_that_the_correction_left_alone_are_shown_once() -> None:
    row = {"kappa": 0.5, "kappa_correction": 0.5, "f1": 0.6, "f1_correction": 0.6}
    assert [metric[1:] for metric in numbers.metrics(row)] == [(Value(0.5), None), (Value(0.6), None)]
    assert numbers.metrics(row | {"f1_correction": 0.7})[0][1:] == (Value(0.5), Value(0.5))


def test_pixels_are_of_known_label_where_any_is() -> None:
    def pixels(labelled: int | None) -> list[tuple[str, str, str]]:
        return [fact for fact in _facts({"total_pixels": 1200, "total_examples": labelled}) if fact[0] == "Pixels"]

    assert pixels(1100) == [("Pixels", "1,200", "1,100 of known label")]
    assert pixels(0) == pixels(None) == [("Pixels", "1,200", "")]


def test_what_a_map_says_comes_first_with_the_shift_in_words() -> None:
    row = {"changed_share": 0.25, "changed_area": 3e6, "unit": "m²", "areas": 2, "largest_areas": [2e6, 1e6],
           "sure_share": 0.342, "shift_down": -0.321, "shift_right": 0.5, "shift_spread": 0.1, "shift_blocks": 9,
           "shift_verdict": "why"}  # fmt: skip
    assert _facts(row) == [
        ("Changed", "25.00 %", "3 km² in 2 areas"), ("Largest area", "2 km²", "then 1 km²"),
        ("High probability", "34 %", "of the changed pixels have a probability of 0.9 or more; no measure of accuracy"),
        ("Shift", "0.50 pixels", "the after image lies 0.32 rows higher and 0.50 columns further right, ± 0.10 "
         "(9 blocks); why"),
    ]  # fmt: skip
    alone = {"shift_down": -0.001, "shift_right": -0.001, "shift_spread": 0.0, "shift_blocks": 1}
    told = "the after image is not shifted (1 block)"
    assert _facts(alone) == _facts(alone | {"shift_verdict": "why"}) == [("Shift", "0.00 pixels", told)]
    # An axis of less than half a hundredth is left out; what was moved is told first, then what remains.
    moved = alone | {"shift_right": 0.02, "shift_moved_down": -0.321, "shift_moved_right": 0.004}
    told = "the after image was moved 0.32 rows up; now it lies 0.02 columns further right (1 block)"
    assert _facts(moved | {"shift_verdict": "why"}) == [("Shift", "0.02 pixels", told)]
    assert _facts({"changed_share": 0.1, "changed_area": 900, "unit": "m²", "areas": 1, "largest_areas": []}) == [
        ("Changed", "10.00 %", "900 m² in 1 area")
    ]
    # The largest of one area is that area; of several they have one unit.
    one = {"unit": "m²", "largest_areas": [2e4]}
    assert _facts(one) == []
    assert _facts(one | {"largest_areas": [2e4, 900]}) == [("Largest area", "2 ha", "then 0.09 ha")]


def test_a_labelled_sample_tells_the_area_of_change_beside_that_of_its_map() -> None:
    areas = {"changed": (24.3e6, 12.2e6, 36.5e6), "unchanged": (75.7e6, 63.5e6, 87.8e6)}
    names = "estimate", "lower", "upper"
    rows = [{"measure": "area", "class": of, "unit": "m²"} | dict(zip(names, found, strict=True))
            for of, found in areas.items()]  # fmt: skip
    rows.append({"measure": "area_share", "class": "changed", "unit": "share", "estimate": 0.243})
    # 300 of 2,000 pixels are 15 % of 24.3 + 75.7 km².
    matrix = [{"map_class": "changed", "pixels": 300}, {"map_class": "unchanged", "pixels": 1700}]
    row = {"estimates": rows, "error_matrix": matrix}
    area = ("Changed area", "24.3 km²", "95 %: 12.2 to 36.5 km²")
    assert _facts(row) == [area, ("On the map", "15 km²", "called changed, rightly or not")]
    assert _facts(row | {"error_matrix": "damaged"}) == [area]
    small = {"measure": "area", "class": "changed", "unit": "m²", "estimate": 25e4, "lower": 4e4, "upper": 46e4}
    assert _facts({"estimates": [small]}) == [("Changed area", "25 ha", "95 %: 4 to 46 ha")]
    assert _facts(row | {"estimates": [3]}) == []
    (shown,) = numbers.rows([("s", record("sample", {"points": row}))])
    assert shown.share == 0.243


def test_a_confusion_matrix() -> None:
    row = {f"{name}_num": count for name, count in
           {"true_positives": 1, "false_negatives": 2, "false_positives": 3, "true_negatives": 4}.items()}  # fmt: skip
    assert numbers.confusion(row) == (1, 2, 3, 4)
    assert numbers.confusion(row, "_correction") is None
    assert numbers.confusion(dict.fromkeys(row, 0)) is None


def test_settings_in_words_by_what_they_are_for() -> None:
    settings = {
        "seed": 0, "report": True, "detector": "context_regression", "model_name": "my_model",
        "options": {"pca_variance": 0.123456789},
        "data_sets": {"A.B": {"img_a_path": "/data/my_images", "changed_label": [1.0, 2.5]}},
        "searches": {"ED": {"max_evals": 8, "options": {"max_dropout": 0.5}}},
    }  # fmt: skip
    found = numbers.grouped(numbers.flat(settings))
    assert [(group.title, [row[:2] for row in group.rows]) for group in found] == [
        ("", [("seed", "0"), ("report", "yes"), ("detector", "context_regression"), ("model name", "my_model"),
              ("pca variance", "0.123457")]),
        ("Data set A.B", [("img a path", "/data/my_images"), ("changed label", "1, 2.5")]),
        ("Search with the distance ED", [("max evals", "8"), ("max dropout", "0.5")]),
    ]  # fmt: skip
    assert found[0].rows[4][2] == "options.pca_variance"


def test_values_are_written_for_people() -> None:
    values = (True, 72064, 0.123456789, [0.7, 1.0], "no", None)
    assert [numbers.written(value) for value in values] == ["yes", "72,064", "0.123457", "0.7, 1", "no", "None"]


def test_settings_by_dotted_names() -> None:
    nested = {"seed": 0, "a": {"b": [1, 2], "c": None, "d": ""}, "e": 0.25, "f": False}
    assert numbers.flat(nested) == {"seed": "0", "a.b": "1, 2", "e": "0.25", "f": "False"}


def test_seconds_of_stages() -> None:
    timed = {"stages": {"reading": 1.0, "search": 2.0}, "seconds": 4.0, "results": {}}
    assert numbers.stages(timed) == [("reading", 1.0), ("search", 2.0), ("all else", 1.0)]
    older = {"seconds": 5.0, "results": {"a": {"prediction_time": 1.0}, "b": {"prediction_time": 2.0}}}
    assert numbers.stages(older) == [("scores", 3.0), ("all else", 2.0)]
    assert numbers.stages({"seconds": 5.0, "results": {}}) == []


def record(command: str, results: dict, data: str = "TOWN") -> dict:
    return {"command": command, "results": results, "settings": {"data_sets": {data: {}}}, "started": "2026-01-01",
            "seconds": 2.0, "warnings": ["x"]}  # fmt: skip


def test_the_best_map_of_a_pair_is_marked() -> None:
    rows = numbers.rows(
        [
            ("a", record("test", {"east": {"kappa": 0.9}, "west": {"kappa": 0.1}})),
            # The higher one of the two by the figure after correction.
            ("b", record("pseudo-labels", {"east": {"kappa": 0.2, "kappa_correction": 0.95}})),
            ("c", record("test", {"east": {"kappa": 0.99, "seen_in_training": "part"}})),
            ("d", record("training", {"best trial": {"kappa": 1.0}}, "TOWN")),
            ("e", record("detect", {"east": {}}, "images")),
        ]
    )
    assert [(row.name, row.data, row.best_of) for row in rows] == [
        ("a", "TOWN · east", 0), ("a", "TOWN · west", 0), ("b", "TOWN · east", 2),
        ("c", "TOWN · east", 0), ("d", "TOWN · best trial", 0), ("e", "east", 0),
    ]  # fmt: skip
    assert (rows[3].seen, rows[0].warnings, rows[0].seconds) == (True, 1, 2.0)


def test_maps_of_one_pair_are_those_of_its_images_and_labels() -> None:
    def of(kappa: float, **files: str) -> dict:
        inputs = [{"pair": "east"} | {what: {"path": path} for what, path in files.items()}]
        return record("test", {"east": {"kappa": kappa}}) | {"inputs": inputs}

    files = {"before": "a/east", "after": "b/east", "label": "c/east"}
    runs = [of(0.5, **files), of(0.6, **files, pseudo_labels="p"), of(0.7, **files | {"before": "elsewhere/east"})]
    found = numbers.rows([(str(number), run) for number, run in enumerate(runs)])
    assert [row.best_of for row in found] == [0, 2, 0]


def test_a_pair_that_was_moved_has_one_best_map() -> None:
    def of(kappa: float, folder: str, size: int, changed: str | None = "noon") -> dict:
        state = {"bytes": size} | ({"changed": changed} if changed else {})
        files = {what: {"path": f"{folder}/{what}.tif"} | state for what in ("before", "after", "label")}
        return record("detect", {"east": {"kappa": kappa}}) | {"inputs": [{"pair": "east"} | files]}

    runs = [
        of(0.5, "old", 7), of(0.6, "old", 7, "one"),  # written anew, as a demo is
        of(0.7, "new", 7), of(0.8, "C:/new", 7),  # moved
        of(0.9, "old", 8), of(0.2, "old", 8),  # replaced by an image of another size
        of(0.1, "copy", 7, "two"), of(0.1, "other", 7, None),  # who knows
    ]  # fmt: skip
    # The last of old/7 is of the time "one", its first of "noon", as are both that were moved: four maps of one pair.
    found = numbers.rows([(str(number), run) for number, run in enumerate(runs)])
    assert [row.best_of for row in found] == [0, 0, 0, 4, 2, 0, 0, 0]
    # Labels that were edited and kept their size judge otherwise: they are those of no other map.
    for digest, run in zip("aabb", runs[:4], strict=True):
        run["inputs"][0]["label"] |= {"digest": digest, "path": "label.tif", "changed": run["settings"] and digest}
        for date in ("before", "after"):
            run["inputs"][0][date] = {"path": f"{date}.tif", "bytes": 7, "changed": "noon"}
    found = numbers.rows([(str(number), run) for number, run in enumerate(runs[:4])])
    assert [row.best_of for row in found] == [0, 2, 0, 2]


def test_a_result_goes_by_both_images_of_its_pair() -> None:
    files = {date: {"path": f"C:\\data\\site_{year}.tif"} for date, year in (("before", 2000), ("after", 2003))}
    of_pair = {"inputs": [1, {"pair": "site_2000"} | files, {"pair": "odd", "before": 1, "after": {}}]}
    named = record("detect", {"site_2000": {}, "odd": {}}, "images") | of_pair
    assert [row.data for row in numbers.rows([("a", named)])] == ["site_2000 → 2003", "odd"]
    assert numbers.titled(named, "site_2000", "TOWN") == "TOWN · site_2000 → 2003"


def test_a_comparison_has_one_row_and_a_run_without_results_has_one() -> None:
    methods = {"irmad": {"rank": 2, "kappa": 0.1}, "sfa": {"rank": 1, "kappa": 0.4}}
    rows = numbers.rows([("c", record("compare", methods)), ("d", record("test", {}))])
    assert [(row.data, row.metrics["kappa"]) for row in rows] == [
        ("TOWN · best of 2: sfa", Value(0.4)), ("TOWN · ", None)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
def test_settings_in_little_space_are_those_of_each_run(count: int) -> None:
    settings = [{"a": "1", "b": "2"}, {"a": "1"}, {"a": "3", "c": "4"}][:count]
    common, differing = numbers.differing(settings)
    for of_run, own in zip(settings, differing, strict=True):
        assert {key: value for key, value in (common | own).items() if value is not None} == of_run
    assert count == 1 or common == {"a": "1"}


@pytest.mark.parametrize(("noted", "expected"), [
    ({"a": "data:image/webp;base64,UklG"}, "data:image/webp;base64,UklG"), ({"a": "https://elsewhere.example/x"}, ""),
    ({"a": 1}, ""), ({"b": "data:image/webp;base64,UklG"}, ""), ("a", ""), (None, ""),
])  # fmt: skip
def test_a_thumbnail_is_in_the_record_or_none(noted, expected) -> None:
    record = {"command": "test", "started": "", "settings": {}, "results": {"a": {}}, "warnings": [],
              "thumbnails": noted}  # fmt: skip
    assert [row.thumbnail for row in numbers.rows([("M", record)])] == [expected]
