"""Points of a sample labelled on their page: what it hides, what it saves, and who may save it."""

import csv
import http.client
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import report
import sample
from conftest import PROJECT, make_pair, until
from hscd.records import PIXEL_GRID
from hscd.reports import gis
from hscd.reports.page.found import read_run
from hscd.reports.page.render import sample_page
from hscd.system.errors import InputError
from pipeline import labelling, serving
from pipeline.run_record import plain, state_of

PAGE = "change_sample_run.html"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two images, a map, a sample of 20 of its pixels, and the page of that."""
    folder = tmp_path_factory.mktemp("sample")
    before, after, changed = make_pair(1, 40, 60, bands=4)
    for name, array in (("before", before), ("after", after)):
        np.save(folder / f"{name}.npy", array)
    gis.write_change_map(folder / "change.tif", np.where(changed, 0, 1).astype(np.uint8), PIXEL_GRID)
    images = [word for date in ("before", "after") for word in (f"--{date}", str(folder / f"{date}.npy"))]
    assert sample.main([str(folder / "change.tif"), "--size", "20", "--minimum", "8", *images]) == 0
    return folder


@pytest.fixture
def place(drawn: Path) -> Path:
    """The same without a label."""
    labelling.save(drawn / "change_sample.gpkg", dict.fromkeys(map(str, range(1, 21))))
    report.main([str(drawn), "--quiet"])
    return drawn


def given(folder: Path) -> dict[int, str]:
    """The labels in the sample, by the points' ids."""
    fields, _ = gis.read_points(folder / "change_sample.gpkg")
    return {number: of for number, of in zip(fields["id"].tolist(), fields["class"].tolist(), strict=True) if of}


def test_a_page_does_not_lead_who_labels_on_it(place: Path) -> None:
    page = (place / PAGE).read_text(encoding="utf-8")
    assert len(page) < 5_000_000
    assert "stratum" not in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert (data["ids"], data["labels"]) == (list(range(1, 21)), {})
    assert 'data-sheet="map" hidden' in page
    # A page is sent to others, so it has names alone; FOLDER is that of the sample on their machine.
    judged, downloads, serves = re.findall(r"<code>python Net/(\w+\.py .*?)</code>", page)
    assert judged == "sample.py --labelled FOLDER/change_sample.gpkg"
    assert (downloads, serves) == (f"{judged} --labels FOLDER/{data['csv']}", "report.py FOLDER --serve")
    assert str(place.parent) not in page
    record = read_run(place / "change_sample_run.json")
    record.record["warnings"] = [f"{place}/before.npy: was changed since; see {place}/a.txt, and/or C:\\x\\y.tif"]
    page = sample_page(record, "change_sample.gpkg", {}, ("", "", "")) or ""
    assert "<summary>before.npy: was changed since; see a.txt, and/or y.tif</summary>" in page
    record = json.loads((place / "change_sample_run.json").read_text(encoding="utf-8"))
    assert record["files"] == {"change": {"view": "change_sample_view.json", "sample": "change_sample.gpkg"}}
    assert 'href="change_sample_run.html"' in (place / "report.html").read_text(encoding="utf-8")


def test_without_images_there_is_no_such_page(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (drawn / "bare").mkdir()
    change_map = str(drawn / "change.tif")
    assert sample.main([change_map, "--size", "20", "--out", str(drawn / "bare")]) == 0
    assert "or label them on a page" not in capsys.readouterr().out
    assert "data-sheet" not in (drawn / "bare" / PAGE).read_text(encoding="utf-8")
    np.save(drawn / "small.npy", np.ones((5, 5, 2)))
    small = ["--before", str(drawn / "small.npy"), "--after", str(drawn / "small.npy")]
    assert sample.main([change_map, "--size", "20", "--out", str(drawn / "none"), *small]) == 2
    assert "is not the image that the map was made of: they have 5 × 5 and 40 × 60 pixels" in capsys.readouterr().err
    assert not (drawn / "none/change_sample.gpkg").exists()
    assert sample.main([change_map, *small[:2]]) == 2
    assert sample.main([change_map, "--labels", change_map]) == 2


def test_images_are_those_of_the_run_that_made_the_map(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = {"command": "test", "started": "2026-01-02T00:00:00+00:00", "results": {}, "warnings": [],
              "settings": {"data_sets": {"A": {
                  "mat_label": None, "mat_label_a": None, "mat_label_b": None, "nodata": None, "scale": 2.0,
                  "bands": [[1, 2, False], [4, 4, False]], "bad_bands": None, "register": False}}},
              "inputs": [1, {"pair": "gone", "before": {}, "after": {}}, {"pair": "p"} | {
                  date: plain(state_of(drawn / f"{date}.npy")) for date in ("before", "after")}],
              "files": {"p": {"view": "A_p_view.json"}}}  # fmt: skip
    (drawn / "run").mkdir()
    (drawn / "run/A_run.json").write_text(json.dumps(record), encoding="utf-8")
    assert labelling.images_of(drawn / "run/A_p.tif") is None  # its view is gone
    (drawn / "run/A_p_view.json").write_text("{}", encoding="utf-8")
    (drawn / "run/bad_run.json").write_text("{", encoding="utf-8")
    for name in ("A_p.tif", "A_p_corrected.tif"):
        images = labelling.images_of(drawn / "run" / name)
        assert images is not None
        expected = 2 * np.load(drawn / "after.npy")[:, :, [0, 1, 3]]
        np.testing.assert_array_equal(images[1].read(), expected.astype(images[1].dtype))
    assert labelling.images_of(drawn / "run/A_other.tif") is None
    assert capsys.readouterr().err == ""
    noted = record["inputs"][2]  # type: ignore[index]
    for date, state in (("before", {"bytes": 7}), ("after", {"changed": "2026-01-01T00:00:00+00:00"})):
        changed = record | {"inputs": [noted | {date: noted[date] | state}]}
        (drawn / "run/A_run.json").write_text(json.dumps(changed), encoding="utf-8")
        assert labelling.images_of(drawn / "run/A_p.tif") is not None
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"warning: {drawn / date}.npy: was changed since the map was made of it")
    del record["settings"]["data_sets"]["A"]["nodata"]  # type: ignore[index]
    (drawn / "run/A_run.json").write_text(json.dumps(record), encoding="utf-8")
    assert labelling.images_of(drawn / "run/A_p.tif") is None


def downloaded(folder: Path, labels: Callable[[int], str], **changes: str) -> Path:
    """A file of labels as the page writes it."""
    fields, _ = gis.read_points(folder / "change_sample.gpkg")
    rows = [{"id": number, "row": row, "column": column, "class": labels(number)} | changes
            for number, row, column in zip(fields["id"], fields["row"], fields["column"], strict=True)]  # fmt: skip
    path = folder / "downloaded.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_downloaded_labels_are_saved_and_judged_by(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    labelling.save(place / "change_sample.gpkg", {"1": "0", "2": "0"})
    file = downloaded(place, lambda number: {1: "1", 2: "", 3: "unsure"}.get(number, "0"))
    gpkg = str(place / "change_sample.gpkg")
    assert sample.main(["--labelled", gpkg, "--labels", str(file)]) == 0
    # What the file has no label for stays.
    assert given(place) == {1: "1", 2: "0", 3: "unsure"} | dict.fromkeys(range(4, 21), "0")
    told = capsys.readouterr()
    assert (
        "change_sample.gpkg: 1 of 20 points is marked unsure, which counts as no label; the estimates hold" in told.err
    )
    assert "overall accuracy" in told.out
    assert '"3": "unsure"' in (place / PAGE).read_text(encoding="utf-8")
    page = (place / "change_sample_accuracy_run.html").read_text(encoding="utf-8")
    assert "Accuracy and area, from the labelled points" in page
    for changes, reason in (({"row": "777"}, "20 of 20 points are not in"), ({"class": "maybe"}, "unknown: maybe")):
        assert sample.main(["--labelled", gpkg, "--labels", str(downloaded(place, lambda _: "1", **changes))]) == 2
        assert reason in capsys.readouterr().err
    with monkeypatch.context() as small:
        small.setattr(labelling, "_MOST", 1)
        assert sample.main(["--labelled", gpkg, "--labels", str(file)]) == 2
    assert f"error: {file}: too large for labels from a page\n" in capsys.readouterr().err
    file.write_bytes(b"id,row\n1,2\n")
    assert sample.main(["--labelled", gpkg, "--labels", str(file)]) == 2
    assert (
        "expected the labels of a page, with the columns id, row, column, class; missing: column, class"
        in capsys.readouterr().err
    )


def test_rows_may_be_left_out_and_say_their_labels_in_words(place: Path) -> None:
    file = downloaded(place, lambda number: {4: "changed", 5: "unchanged", 6: "unsure"}.get(number, ""))
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([head, *rows[3:7]]), encoding="utf-8")
    assert labelling.take_over(place / "change_sample.gpkg", file) == 3
    assert given(place) == {4: "1", 5: "0", 6: "unsure"}


def test_the_columns_of_labels_are_documented() -> None:
    page = (PROJECT / "docs/certainty.md").read_text(encoding="utf-8")
    script = (PROJECT / "Net/hscd/reports/page/templates/label.js").read_text(encoding="utf-8")
    (head,) = re.findall(r'\["([a-z,]+)", \.\.\.lines', script)
    table = page.split("| column | content |")[1].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:])) == head.split(",")


@pytest.fixture
def served(place: Path) -> Iterator[serving.Server]:
    """The pages at a local address."""
    with serving.Server(place, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_labels_are_taken_from_pages_of_this_server_alone(place: Path, served: serving.Server) -> None:
    port, token = served.server_address[1], served.labels.token
    here = f"127.0.0.1:{port}"

    def post(content: object = None, page: str = PAGE, **headers: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = content if isinstance(content, bytes) else json.dumps({"labels": content}).encode()
        connection.request("POST", f"/{token}/{page}", body, {"Host": here, "X-Token": token} | headers)
        with connection.getresponse() as answer:
            text = answer.read()
        connection.close()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(text) if is_json else {}

    assert post({"1": "1", "2": "unsure"}) == (200, {"labels": {"1": "1", "2": "unsure"}})
    assert post({"2": ""}, **{"Origin": f"http://{here}"}) == (200, {"labels": {"1": "1"}})
    for headers in ({"X-Token": ""}, {"X-Token": "é"}, {"Origin": "http://elsewhere.example"}, {"Origin": "null"},
                    {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}):  # fmt: skip
        assert post({"1": "0"}, **headers)[0] == 403, headers
    for wrong in (b"", b"[]", b"{", b"[" * 99_999, ["1"]):
        assert post(wrong)[0] == 400, wrong
    for size in (str(2**20 + 1), "9" * 5000, "-1"):
        assert post(b"{}", **{"Content-Length": size})[0] == 413
    for refused in ({"1": "2"}, {"x": "1"}, {"999": "1"}, {"-1": "1"}, {"1": 1}, {"1": ["1"]}):
        assert post(refused)[0] == 500, refused
    assert post({"1": "0"}, "report.html")[0] == 500  # no page of a run
    assert post({"1": "0"}, "gone_run.html")[0] == 404
    assert given(place) == {1: "1"}
    with sqlite3.connect(place / "change_sample.gpkg") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


# --- in a browser ----------------------------------------------------------------------------------------------------


def press(browser: Any, keys: str) -> None:
    browser.find_element("css selector", "body").send_keys(keys)


def counts(browser: Any, told: str) -> None:
    until(browser, "document.getElementById('counts').textContent.startsWith(arguments[0])", told)


def test_labels_of_a_page_from_the_disk_are_kept_and_downloaded(browser: Any, place: Path) -> None:
    browser.get((place / PAGE).as_uri())
    counts(browser, "0 of 20 labelled")
    # Squares of 61 pixels, the point in the middle; the map is not to be seen before it is asked for.
    until(browser, "document.querySelector('canvas').width === 61")
    assert not browser.find_element("css selector", "[data-sheet=map]").is_displayed()
    assert len(browser.find_elements("css selector", ".spectra path.mark:not(.key)")) == 2
    press(browser, "cu")
    counts(browser, "2 of 20 labelled: 1 changed, 1 unchanged, 0 unsure")
    assert browser.find_element("id", "where").text == "Point 3 of 20"
    press(browser, "xz")  # taken back, and there again
    counts(browser, "2 of 20 labelled: 1 changed, 1 unchanged, 0 unsure")
    assert browser.find_element("id", "where").text == "Point 3 of 20"
    press(browser, "x\ue012\ue012")  # unsure, then two to the left
    assert browser.find_element("id", "where").text == "Point 2 of 20"
    assert browser.find_element("css selector", "[data-label='0']").get_attribute("aria-pressed") == "true"
    browser.refresh()
    counts(browser, "3 of 20 labelled: 1 changed, 1 unchanged, 1 unsure")
    assert browser.find_element("id", "where").text == "Point 4 of 20"
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(place)})
    browser.execute_script("document.getElementById('download').click()")
    file, end = place / "change_sample.csv", time.monotonic() + 10
    while not file.is_file() and time.monotonic() < end:
        time.sleep(0.02)
    assert labelling.take_over(place / "change_sample.gpkg", file) == 3
    assert given(place) == {1: "1", 2: "0", 3: "unsure"}
    # What the sample has got since is not undone by what the browser kept.
    labelling.save(place / "change_sample.gpkg", {"1": "0"})
    report.main([str(place), "--quiet"])
    browser.refresh()
    counts(browser, "3 of 20 labelled: 0 changed, 2 unchanged, 1 unsure")
    browser.execute_script("document.getElementById('reveal').click()")
    assert browser.find_element("css selector", "[data-sheet=map]").is_displayed()
    told = "return document.getElementById('saved').textContent"
    assert "1 label that this browser kept was dropped" in browser.execute_script(told)
    browser.refresh()  # once
    counts(browser, "3 of 20 labelled: 0 changed, 2 unchanged, 1 unsure")
    assert "dropped" not in browser.execute_script(told)
    browser.execute_script("localStorage.clear()")
    assert browser.get_log("browser") == []


def saved(folder: Path, expected: dict[int, str]) -> None:
    """Wait until the sample has these labels."""
    end = time.monotonic() + 10
    while given(folder) != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert given(folder) == expected


def test_labels_of_a_served_page_are_saved_at_once(browser: Any, place: Path, served: serving.Server) -> None:
    browser.get(f"{served.address}report.html")
    browser.find_element("css selector", f"a[href='{PAGE}']").click()
    counts(browser, "0 of 20 labelled")
    press(browser, "c0x")
    saved(place, {1: "1", 2: "0", 3: "unsure"})
    until(browser, "document.getElementById('saved').textContent === 'Saved in change_sample.gpkg.'")
    press(browser, "z")
    saved(place, {1: "1", 2: "0"})
    until(browser, "document.getElementById('saved').textContent === 'Saved in change_sample.gpkg.'")
    end = time.monotonic() + 10
    while 20 not in given(place) and time.monotonic() < end:
        with suppress(InputError):  # the lock of the last one may not be off yet
            labelling.save(place / "change_sample.gpkg", {"20": "1"})  # by somebody else
    browser.refresh()
    counts(browser, "3 of 20 labelled: 2 changed, 1 unchanged")
    # What could not be saved is told, and saved with the next one.
    (place / "change_sample.gpkg-wal").write_bytes(b"")
    press(browser, "u")
    until(browser, "document.getElementById('saved').textContent.includes('is open in another program')")
    (place / "change_sample.gpkg-wal").unlink()
    press(browser, "u")
    saved(place, {1: "1", 2: "0", 3: "0", 4: "0", 20: "1"})
    browser.get_log("browser")  # that of the refusal


def test_a_correction_that_was_refused_meets_what_the_server_holds_after_a_reload(
    browser: Any, place: Path, served: serving.Server
) -> None:
    gpkg = place / "change_sample.gpkg"
    browser.get(f"{served.address}{PAGE}")
    counts(browser, "0 of 20 labelled")
    press(browser, "cc")
    saved(place, {1: "1", 2: "1"})
    until(browser, "document.getElementById('saved').textContent === 'Saved in change_sample.gpkg.'")
    # Both are corrected, and refused; meanwhile somebody else calls the second one unsure.
    (place / "change_sample.gpkg-wal").write_bytes(b"")
    for number in (1, 2):
        browser.execute_script(f"document.getElementById('number').value = {number}")
        browser.execute_script("document.getElementById('number').dispatchEvent(new Event('change'))")
        press(browser, "u")
    until(browser, "document.getElementById('saved').textContent.startsWith('2 not saved: ')")
    (place / "change_sample.gpkg-wal").unlink()
    labelling.save(gpkg, {"2": "unsure", "3": "1"})
    # The file of the page still has no label: what counts is what the server answers.
    assert '"labels": {}' in (place / PAGE).read_text(encoding="utf-8")
    browser.refresh()
    # The first correction was of what the sample still has, and is made; the second one is not.
    saved(place, {1: "0", 2: "unsure", 3: "1"})
    counts(browser, "3 of 20 labelled: 1 changed, 1 unchanged, 1 unsure")
    assert browser.find_element("id", "where").text == "Point 4 of 20"
    until(browser, "localStorage.length === 0")
    told = (
        "Saved in change_sample.gpkg. 1 label that this browser kept was dropped: the sample has had another one since."
    )
    until(browser, "document.getElementById('saved').textContent === arguments[0]", told)
    browser.get_log("browser")  # that of the refusal
