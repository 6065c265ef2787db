"""What stands on pages, of records made by hand."""

import html
import json
import re

import pytest
from PIL import Image

from hscd.reports.page.found import Run
from hscd.reports.page.render import _overridden, _without_folders, index_page, run_page


def run_of(folder, command, results, **more) -> Run:
    """A run whose record has these results."""
    record = {"command": command, "started": "2026-01-02T03:04:05+00:00", "settings": {}, "results": results,
              "warnings": []} | more  # fmt: skip
    return Run(folder / "M_<b>_run.json", record)


def words_of(page: str) -> str:
    """What is read on a page: no tags, no scripts, single spaces."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.S)
    return " ".join(html.unescape(text).split())


def test_a_test_tells_what_its_fine_tuning_changed(tmp_path) -> None:
    effect = {"pixels": 1234, "before": {"kappa": 0.5}, "after": {"kappa": 0.75}}
    row = {"kappa": 0.75, "ft_epochs": 3, "pseudo_qty": 2000, "ft_effect": effect}
    read = words_of(run_page(run_of(tmp_path, "test", {"town": row})))
    assert "Before and after fine-tuning Metric Before fine-tuning After fine-tuning Cohen's kappa 0.500 0.750" in read
    assert "of 1,234 pixels of known label" in read
    assert "Pseudo-labels learned from 2,000 Epochs 3" in read
    assert "fine-tuning" not in words_of(run_page(run_of(tmp_path, "test", {"town": {"kappa": 0.75}})))


@pytest.mark.parametrize(("command", "title"), [
    ("maps by radii", "Maps by neighbourhood"), ("maps by percentages", "Maps of the best pseudo-labels"),
])  # fmt: skip
def test_maps_of_selected_pseudo_labels_are_on_their_page(command, title, tmp_path) -> None:
    Image.new("RGB", (8, 4)).save(tmp_path / "a.png")
    files = {"town": {"radius 2": "a.png"}}
    page = run_page(run_of(tmp_path, command, {"town": {"pixels": {"2": 7}}}, files=files))
    assert page.count('<img class="wide" src="data:image/webp;base64,') == 1
    read = words_of(page)
    assert title in read
    assert "town 2 7" in read
    assert "town: radius 2" in read
    assert "Pixels that are kept. town" in read  # an older record may have no threshold
    assert not re.search(r"<h2[^>]*>town</h2>", page)  # nothing would stand below it


def test_a_sample_a_model_and_settings_are_in_words(tmp_path) -> None:
    row = {"points": 200, "expected_standard_error": 0.01914877, "strata": {"changed": {"pixels": 6577, "points": 75}}}
    more = {"settings": {"standard_error": 0.123456789, "accuracies": [0.7]}, "model": {"trainable_weights": 72064}}
    read = words_of(run_page(run_of(tmp_path, "sample", {"map": row}, **more)))
    for said in ("Points 200 expected standard error 0.019", "changed 6,577 75", "standard error 0.123457",
                 "accuracies 0.7", "trainable weights 72,064"):  # fmt: skip
        assert said in read, said


@pytest.mark.parametrize(("noted", "told"), [({"unknown": False}, False), ({"unknown": True}, True), ({}, True)])
def test_a_legend_names_what_is_masked_where_anything_is(noted, told, tmp_path) -> None:
    layer = {"key": "map", "title": "Change map", "kind": "labels", "image": "data:image/png;base64,"}
    view = {"rows": 2, "columns": 2, "step": 1, "bands": [], "spectra": None, "layers": [layer]} | noted
    (tmp_path / "view.json").write_text(json.dumps(view), encoding="utf-8")
    page = run_page(run_of(tmp_path, "detect", {"town": {}}, files={"town": {"view": "view.json"}}))
    assert 'step="0.5" value="50"' in page  # a view of an earlier version does not say where the line begins
    assert ("unchanged unknown or masked" in words_of(page)) == told


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/home/ann smith/data sets/a.tif: no georeference", "a.tif: no georeference"),
        # A folder in the other, both of the record; one that only looks like the end of a path.
        ("/home/ann smith/data sets/old/b.tif, not sat/c.tif", "b.tif, not sat/c.tif"),
        ("saved in /home/ann smith/data sets", "saved in data sets"),
        ("at/x.tif and /else/where/y.tif", "x.tif and y.tif"),
    ],
)
def test_folders_of_the_machine_are_left_out_blanks_and_all(line, shown, tmp_path) -> None:
    paths = ("/home/ann smith/data sets/a.tif", "/home/ann smith/data sets/old/b.tif", "at/x.tif")
    files = {"pair": "a"} | {str(number): {"path": path} for number, path in enumerate(paths)}
    assert _without_folders(line, run_of(tmp_path, "sample", {}, inputs=[files])) == shown
    assert (
        _without_folders(f"{tmp_path}/z.tif: {line}", run_of(tmp_path, "sample", {}, inputs=[files]))
        == f"z.tif: {shown}"
    )


# A whisker from 0 to 1: 2 + 116 · value; what is below 0 stands at 0, hollow.
@pytest.mark.parametrize(("kappa", "drawn"), [(0.5, '<circle cx="60.0"'), (-0.25, '<circle class="beyond" cx="2"')])
def test_a_negative_kappa_has_a_bar_too(kappa, drawn, tmp_path) -> None:
    page = run_page(run_of(tmp_path, "test", {"town": {"kappa": kappa}}))
    assert drawn in page
    assert f"{kappa:.3f}" in words_of(page)


def test_the_line_begins_where_a_view_says_and_points_are_points_in_a_legend(tmp_path) -> None:
    layer = {"key": "map", "title": "Change map", "kind": "labels", "image": "data:image/png;base64,"}
    view = {"rows": 2, "columns": 2, "step": 1, "bands": [], "spectra": None, "layers": [layer], "swipe": 36}
    (tmp_path / "view.json").write_text(json.dumps(view), encoding="utf-8")
    (tmp_path / "c.csv").write_text("pixels,probability,changed\n300,0.05,0.1\n", encoding="utf-8")
    files = {"town": {"view": "view.json", "calibration": "c.csv"}}
    page = run_page(run_of(tmp_path, "detect", {"town": {}}, files=files))
    assert 'step="0.5" value="36"' in page
    assert '<path class="mark key dots" d="M9 6h0"/>' in page
    assert '<path class="mark key all" d="M2 6H16"/>' in page


def test_names_of_runs_may_be_broken_at_underscores_alone(tmp_path) -> None:
    page = index_page(tmp_path, [run_of(tmp_path, "test", {"town": {}})], [])
    assert ">M_<wbr>&lt;b&gt;</a>" in page


def test_only_the_settings_that_were_given_are_marked() -> None:
    names = (
        "seed", "max_evals", "options.pca_variance", "data_sets.A.B.changed_label", "data_sets.C.changed_label",
        "searches.ED.max_evals", "searches.SAM.max_evals", "searches.ED.options.imagenet_layer",
    )  # fmt: skip
    settings = dict.fromkeys(names, "1")
    for given, marked in (
        ("hyperas settings ED.max_evals=1", "searches.ED.max_evals"), ("settings.max_evals=1", "max_evals"),
        ("A.B.changedLabel=1", "data_sets.A.B.changed_label"), ("setting.pca_variance = 1", "options.pca_variance"),
        ("hyperas settings ED.imagenet_layer=a.b", "searches.ED.options.imagenet_layer"),
    ):  # fmt: skip
        assert _overridden([given], settings) == {marked}
    # detect.py takes keys without a section.
    assert _overridden(["changedLabel=1", "seed=2"], settings) == {names[0], names[3], names[4]}
