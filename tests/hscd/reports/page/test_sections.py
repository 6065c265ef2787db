"""What a network sees and what a sample says, as charts and tables."""

import json
from pathlib import Path

import pytest
from PIL import Image

from hscd.reports import comparison
from hscd.reports.maps import COLOURS, STRONG
from hscd.reports.page import probability, sections
from hscd.reports.page.found import Run
from hscd.reports.page.recommended import recommendation
from hscd.reports.page.render import run_page
from hscd.reports.page.told import Told


def run_of(folder: Path, **tables: str) -> Run:
    """A run that noted tables of a result "a"."""
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return Run(folder / "M_run.json", {"files": {"a": {name: f"{name}.csv" for name in tables}}})


def test_embeddings_by_what_the_map_makes_of_them(tmp_path) -> None:
    rows = ["changed,right,1,2", "unchanged,right,3,4", "unchanged,right,5,6", "changed,missed,0,0"]
    chart = sections.embedding_chart(run_of(tmp_path, embedding="\n".join(["label,error,x,y", *rows])), "a")
    assert chart is not None
    assert [(mark.name, mark.style, mark.path.count("M")) for mark in chart.marks] == [
        ("rightly unchanged", "right", 2), ("rightly changed", "hit", 1), ("missed", "missed", 1)
    ]  # fmt: skip
    assert chart.told.startswith("2 points rightly unchanged, 1 point rightly changed, 1 point missed, 0 points false")
    assert sections.embedding_chart(run_of(tmp_path, embedding="label,x,y\nchanged,1,2\n"), "a") is None


def test_bands_and_the_ideal_spectrum(tmp_path) -> None:
    run = run_of(tmp_path, bands="band,wavelength,before,after,both\n2,500,4,5,9\n1,400,1,2,3\n",
                 ideal="band,wavelength,unchanged,ideal\n1,,0.1,0.2\n2,,0.3,0.4\n")  # fmt: skip
    chart = sections.band_chart(run, "a")
    assert chart is not None
    assert (chart.across, chart.told) == (
        "wavelength (nm)", "Wavelength (nm) 500 adds most to the distance of changed pixels."
    )  # fmt: skip
    assert chart.marks[2].path.startswith(f"M{chart.box[0]} ")  # the curve begins at the left, with 400 nm
    ideal = sections.ideal_chart(run, "a")  # no pixel changed, so the means of changed ones are not there
    assert ideal is not None
    assert (ideal.across, [mark.name for mark in ideal.marks]) == (
        "band", ["mean unchanged", "most changed, for the network"]
    )  # fmt: skip
    run = run_of(tmp_path, ideal="band,wavelength,unchanged,ideal,before,after\n1,,1,2,3,4\n2,,1,2,3,4\n")
    assert len(sections.ideal_chart(run, "a").marks) == 4
    for text in ("", "band,wavelength,unchanged,ideal\n1,,x,1\n", "band,both\n1,2\n"):
        run = run_of(tmp_path, ideal=text, bands=text)
        assert (sections.ideal_chart(run, "a"), sections.band_chart(run, "a")) == (None, None)


def test_a_table_without_rows_has_no_columns_of_numbers() -> None:
    assert Told("t", "", []).numeric == set()
    assert Told("t", "", [{"a": "1.5", "b": "x"}]).numeric == {"a"}


# Half of 8 pixels, and a quarter; the record of an earlier version does not say how many there are.
def test_selected_pseudo_labels_have_a_table_and_their_pictures(tmp_path, monkeypatch) -> None:
    for name in ("2", "3"):
        Image.new("RGB", (8, 4)).save(tmp_path / f"{name}.png")
    record = {
        "command": "maps by radii", "files": {"a": {"radius 2": "2.png", "radius 3": "3.png"}},
        "results": {"a": {"threshold": 0.123456, "total_pixels": 8, "pixels": {"2": 4, "3": 2}}},
    }  # fmt: skip
    run = Run(tmp_path / "M_run.json", record)
    (table,) = sections.tables(run)
    assert [list(row.values()) for row in table.rows] == [
        ["a", "2", "4", "50.0 %", "0.1235"], ["a", "3", "2", "25.0 %", "0.1235"]
    ]  # fmt: skip
    found, missing = sections.pictures(run)
    assert ([name for name, _ in found], missing) == (["a: radius 2", "a: radius 3"], 0)
    monkeypatch.setattr(sections, "_BYTES", len(found[0][1]))
    assert [name for name, _ in sections.pictures(run)[0]] == ["a: radius 2"]
    assert sections.pictures(run)[1] == 1
    del record["results"]["a"]["total_pixels"]
    assert list(sections.tables(run)[0].rows[0]) == ["pair", "radius", "pixels", "threshold of the distances"]


def test_one_trial_is_one_and_no_axis_of_losses_ends_below_0(tmp_path) -> None:
    run = run_of(tmp_path, trials="trial_id,status,val_loss,best\n0,ok,0.001,True\n",
                 curves="trial_id,loss,val_loss\n0,1,0.001\n0,0.5,0.0009\n")  # fmt: skip
    (training, history), _, count = sections.search_charts(run, "a")
    assert count == 1
    assert history.told.startswith("1 trial; trial 0 ")
    assert "other trials" not in training.told
    assert [(mark.name, mark.is_dots) for mark in history.marks] == [("single trials", True)]
    # An axis of half of it around it: .0005 to .0015.
    assert [tick.text for tick in history.y] == ["6e-4", "8e-4", "0.001", "0.0012", "0.0014"]
    # The weights that are kept are those of the trial's loss, whatever its curve does.
    assert training.told.endswith("validation loss falls to 0.001.")
    assert max(tick.at for tick in training.y) == training.box[3]  # 0 at the very bottom


def test_scores_are_told_with_the_exact_count_where_it_is_known() -> None:
    bins = {"edges": [3.16e-4, 0.3, 0.6664], "all": [7, 3], "changed": [0, 0], "unchanged": [0, 0]}
    scores = {"kind": "scores", "threshold": 0.25}
    told = "Scores from 0.0003 to 0.6664; {} of 10 pixels shown are above the threshold 0.25{}. What is beyond the "
    for more, layers, count, when in (
        ({}, [scores], "about 3", ""), ({"above": 4}, [scores], "4", ""),
        ({"above": 4}, [scores, {"key": "raw"}], "4", ", before spatial correction"),
    ):  # fmt: skip
        chart = sections.score_chart({"histogram": bins | more, "layers": layers})
        assert chart is not None
        assert chart.told.startswith(told.format(count, when))


def test_estimates_have_as_many_decimals_as_their_kind() -> None:
    row = {"estimates": [{"measure": "area_share", "estimate": 0.123456, "unit": "share"}], "error_matrix": "damaged"}
    (found,) = sections.estimates(row)
    assert found.title == "Accuracy and area, from the labelled points"
    assert found.rows == [{"measure": "area share", "estimate": "0.1235", "unit": "share"}]
    # A standard error beside a whole 1 and 0; both ends of an interval in the unit of what they are of.
    accuracy = {"measure": "users_accuracy", "estimate": 1.0, "standard_error": 0.030584, "lower": 0.0}
    (found,) = sections.estimates({"estimates": [accuracy]})
    assert found.rows == [
        {"measure": "user's accuracy", "estimate": "1.000", "standard error": "0.031", "lower": "0.000"}
    ]
    (found,) = sections.estimates({"estimates": [{"estimate": 2.36e6, "lower": 4e4, "unit": "m²"}]})
    assert found.rows == [{"estimate": "2.36 km²", "lower": "0.04 km²", "unit": ""}]
    # 12,852,900 m² are 12.9 km².
    areas = {"estimates": [], "error_matrix": [{"map_class": "a", "points": 1234, "area": 12852900.0, "unit": "m²"}]}
    (found,) = sections.estimates(areas)
    assert found.rows == [{"map class": "a", "points": "1,234", "area": "12.9 km²", "unit": ""}]
    (found,) = sections.estimates({"estimates": [{"measure": "users_accuracy", "class": "changed"}]})
    assert found.rows == [{"measure": "user's accuracy", "class": "changed"}]
    (found,) = sections.estimates({"error_matrix": [{"map_class": "a", "changed_num": 58, "changed": 0.25}]})
    assert found.rows == [{"map class": "a", "points really changed": "58", "share really changed": "0.2500"}]


def test_a_sample_without_labels_tells_the_points_of_each_class() -> None:
    (found,) = sections.strata({"strata": {"changed": {"pixels": 6577, "points": 75}}})
    assert found.rows == [{"class of the map": "changed", "pixels": "6,577", "points": "75"}]
    assert sections.strata({"strata": {"changed": 3}}) == sections.strata({}) == []


def test_tables_of_a_comparison_are_those_of_its_text(tmp_path) -> None:
    cells = ["", "method", "kappa"], [["1", "M|+x", "0.874 ± 0.012"], ["–", "c", ""]]
    text = (
        f"# Comparison\n\nTake c.\n\n## Ranking\n\n± is over\n*seeds*.\n\n{comparison.markdown(cells)}\n## None\n\nx\n"
    )
    (tmp_path / "ranking.md").write_text(text, encoding="utf-8")
    (tmp_path / "runs.csv").write_text("method,kappa\nc,0.8742128\n", encoding="utf-8")
    run = Run(tmp_path / "run.json", {"files": {"comparison": {"text": "ranking.md", "runs": "runs.csv"}}})
    assert sections.tables(run) == [
        ("Ranking", "± is over *seeds*.", [
            {"": "1", "method": "M|+x", "kappa": "0.874 ± 0.012"}, {"": "–", "method": "c", "kappa": ""}
        ]),
        ("All runs", sections._ALL_RUNS, [{"method": "c", "kappa": "0.874"}]),
    ]  # fmt: skip
    assert recommendation(run) == (["Take c."], "", "")  # as earlier versions wrote it
    assert sections.doubted(run) == ""
    damaged = "## Ranking\n| a\n## Agreement\n| a | b |\n| --- |\n| 1 | 2 | 3 |\n"
    (tmp_path / "ranking.md").write_text(damaged, encoding="utf-8")
    (tmp_path / "runs.csv").unlink()
    assert sections.tables(run) == [("Agreement", "", [{"a": "1", "b": "2"}])]


def test_a_comparison_tells_sentences_its_command_and_the_doubts_of_its_maps(tmp_path) -> None:
    table = "| a | b |\n| --- | --- |\n| 1 |  |\n"
    text = f"# C\n\n- Take c.\n- Look.\n\nTo make it:\n\n```sh\ndetect.py x\n```\n\n## Ranking\n\n{table}"
    (tmp_path / "ranking.md").write_text(text, encoding="utf-8")
    runs = "pair,method,seed,threshold,doubts\np,a,0,18540.3,soft\np,b,0,0.5,\np,c,1,2,soft\n"
    (tmp_path / "runs.csv").write_text(runs, encoding="utf-8")
    record = {"command": "compare", "started": "", "settings": {}, "results": {}, "warnings": [],
              "files": {"comparison": {"text": "ranking.md", "runs": "runs.csv"}}}  # fmt: skip
    run = Run(tmp_path / "run.json", record)
    assert recommendation(run) == (["Take c.", "Look."], "To make it:", "detect.py x")
    ranking, of_runs, doubts = sections.tables(run)
    assert ranking == ("Ranking", "", [{"a": "1"}])
    assert [row["threshold"] for row in of_runs.rows] == ["18,540", "0.5", "2"]
    assert doubts.rows == [{"doubt": "soft", "maps": "p a seed 0, p c seed 1"}]
    page = run_page(run)
    assert "0 warnings, doubts about 2 of 3 maps" in page
    assert "<li>Look.</li></ul>" in page
    assert "<pre><code>detect.py x</code></pre>" in page


@pytest.mark.parametrize("changes", [{"side": "61"}, {"places": []}, {"sheets": {"map": "https://elsewhere.example"}}])
def test_only_a_view_of_points_is_a_page_to_label_on(changes) -> None:
    view = {"side": 61, "pitch": 64, "across": 1, "places": [[0, 0]], "sheets": {"before": "", "map": ""}}
    assert sections.is_of_points(view)
    assert not sections.is_of_points(view | changes)


# Of runs of earlier versions, and where what a file says is no colours, those of the pictures.
@pytest.mark.parametrize(("colours", "expected"), [
    (list(COLOURS), list(COLOURS)), (None, STRONG), (["red;}", "#000000", "#ffffff"], STRONG), ("#000000", STRONG),
])  # fmt: skip
def test_colours_of_a_view_are_those_of_its_maps(colours, expected, tmp_path) -> None:
    layer = {"kind": "labels", "title": "Change map", "image": "data:image/png;base64,"}
    found = {"layers": [layer], "rows": 1, "columns": 1, "step": 1} | ({} if colours is None else {"colours": colours})
    (tmp_path / "view.json").write_text(json.dumps(found), encoding="utf-8")
    run = Run(tmp_path / "run.json", {"files": {"a": {"view": "view.json"}}})
    assert sections.view(run, "a")["colours"] == expected


# "by" has words in one cell; "empty" has nothing that is no number.
def test_columns_of_numbers_alone_are_numeric() -> None:
    cells = {"": "–", "kappa": "0.874 ± 0.012", "p": "< 0.001", "interval": "-0.056 … +0.004", "share": "8.93 %",
             "failed": "1 of 2", "threshold": "1e-05", "by": "2000 → 2003", "empty": ""}  # fmt: skip
    told = Told("", "", [cells, dict.fromkeys(cells, "1,234"), dict.fromkeys(cells, "")])
    assert told.numeric == set(cells) - {"by"}
    assert "method" not in Told("", "", [{"method": "5_bands"}, {"method": "ED+otsu"}]).numeric


# Bins of 300 pixels at 0.05 and 100 at 0.95: of the first tenth 0.1 changed, of the last one 0.9.
def test_the_probability_is_drawn_against_the_labels_by_tenths(tmp_path) -> None:
    run = Run(tmp_path / "run.json", {"files": {"a": {"calibration": "c.csv"}}})
    assert probability.chart(run, "a") is None
    for line, drawn in (("300,0.05,0.1\n100,0.95,0.9", True), ("300,0.05,x", False), ("300,7,1", False), ("", False)):
        (tmp_path / "c.csv").write_text(f"pixels,probability,changed\n{line}\n", encoding="utf-8")
        found = probability.chart(run, "a")
        assert (found is not None) == drawn
        if found is not None:
            assert found.told == "The 400 labelled pixels, by tenths of their probability of change."
            assert found.table[1:] == [("0.05", "10 %", "300"), ("0.95", "90 %", "100")]
            assert [mark.name for mark in found.marks] == ["as it should be", "labels"]
