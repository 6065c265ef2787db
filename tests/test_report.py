"""report.py, and the pages that runs add by themselves."""

import csv
import json
import re
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import detect
import report
from conftest import Workspace, make_pair, until
from hscd.reports.page import view
from pipeline import pages, serving

NOTHING = "<script>alert(1)</script>&\"'"


def detected(folder: Path) -> Path:
    """The results of two images with labels, in a folder."""
    before, after, changed = make_pair(1, 40, 60, bands=4)
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[-4:] = 0
    for name, array in (("before", before), ("after", after), ("labels", labels)):
        np.save(folder / f"{name}.npy", array)
    images = [str(folder / f"{name}.npy") for name in ("before", "after")]
    of_labels = [f"{name}Label={value}" for name, value in (("changed", 1), ("unchanged", 2), ("unknown", 0))]
    settings = [
        word
        for given in (*of_labels, "detector=cva", "threshold=otsu", "correction=majority")
        for word in ("--set", given)
    ]
    out = folder / "stat/change"
    assert detect.main([*images, "--labels", str(folder / "labels.npy"), "--out", str(out), *settings]) == 0
    return out


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results: of a detection, of a search whose names are hostile, and of an older test."""
    folder = tmp_path_factory.mktemp("results")
    detected(folder)
    stat = folder / "stat"
    common = {"version": 1, "started": "2026-01-02T03:04:05+00:00", "seconds": 20.0, "seed": 0, "versions": {},
              "machine": {}, "inputs": [], "model": {}, "apart": {}}  # fmt: skip
    search = common | {
        "command": "training", "settings": {"seed": 0, "model_name": NOTHING, "data_sets": {"TOWN": {}}},
        "results": {"best trial": {"kappa": 0.4, "true_positives_num": 3, "false_negatives_num": 1,
                                   "false_positives_num": 2, "true_negatives_num": 9}},
        "files": {"best trial": {"trials": "M_stats.csv", "curves": "M_curves.csv"}},
        "warnings": [f"{NOTHING}: no better than chance"],
    }  # fmt: skip
    (stat / "M_run.json").write_text(json.dumps(search), encoding="utf-8")
    rng = np.random.default_rng(0)
    trials = [{"trial_id": number, "status": "ok", "val_loss": rate * 2, "learning_rate": rate, "layer_1": 8 + number,
               "best": number == 0} for number, rate in enumerate(np.sort(rng.random(6)).tolist())]  # fmt: skip
    epochs = [{"trial_id": number, "epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch}
              for number in range(6) for epoch in (1, 2, 3)]  # fmt: skip
    for name, rows in (("stats", trials), ("curves", epochs)):
        with (stat / f"M_{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    older = {"command": "test", "started": "2025-01-02T03:04:05+00:00", "warnings": [],
             "settings": {"data_sets": {"TOWN": {}}}, "results": {"place": {"kappa": 0.3, "f1": None}}}  # fmt: skip
    (stat / "stat.old").mkdir()
    (stat / "stat.old/A & B_run.json").write_text(json.dumps(older), encoding="utf-8")
    return stat


def test_a_run_writes_what_its_files_give(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_its_end = (results / "change/run.html").read_bytes(), (results / "change/report.html").read_bytes()
    (results / "change/run.html").unlink()
    assert report.main([str(results)]) == 0
    assert ((results / "change/run.html").read_bytes(), (results / "change/report.html").read_bytes()) == at_its_end
    assert capsys.readouterr().out == f"3 runs: {results / 'report.html'}\n"
    assert (results / "stat.old/A & B_run.html").is_file()
    assert ">before → after</h2>" in (results / "change/run.html").read_text(encoding="utf-8")
    record = json.loads((results / "change/run.json").read_text(encoding="utf-8"))
    assert record["files"] == {"before": {"calibration": "calibration.csv", "view": "view.json"}}
    assert set(record["written"]["before"]["map"]) == {"calibration.csv", "calibration.png", "view.json"}
    assert list(record["stages"]) == ["reading", "detection", "maps and tables", "report"]
    assert record["settings"]["overrides"][0] == "changedLabel=1"


def test_pages_ask_for_nothing_and_run_nothing_of_users(results: Path) -> None:
    report.main([str(results), "--quiet"])
    for page in results.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert len(text) < 5_000_000
        assert "<script>alert" not in text
        loaded = re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", re.sub(r"<script>.*?</script>", "", text, flags=re.S))
        assert {link for link in loaded if not link.startswith(("#", "data:")) and not link.endswith(".html")} == set()
    index = (results / "report.html").read_text(encoding="utf-8")
    assert index.count('<img class="thumb" src="data:image/webp;base64,') == 1  # of the only map with images
    assert 'href="stat.old/A%20%26%20B_run.html"' in index
    page = (results / "M_run.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    for said in ("What it means.", "Search history", "Which parameters matter", "Training of the best trial"):
        assert said in page, said


def test_no_run_fails_for_its_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a\nbug")

    monkeypatch.setattr(view, "view", broken)
    monkeypatch.setattr(pages, "_write_page", broken)
    done = workspace.call("predutils", "settings.report=True")
    assert done.returncode == 0
    assert len(list((workspace.folder / "stat").glob("*_run.json"))) == 1
    told = [line for line in done.stderr.splitlines() if "no page was written" in line]
    assert [line.rpartition(": ")[2] for line in told] == ["a bug", "a bug"]
    assert all(line.startswith("warning: ") for line in told)


def test_pages_are_written_where_they_are_wanted(workspace: Workspace) -> None:
    stat = workspace.folder / "stat"
    assert workspace.call("predutils").returncode == 0  # report = False
    assert not [path for path in stat.iterdir() if path.suffix == ".html" or path.name.endswith("_view.json")]
    (stat / "PLACE A_ED_pseudo_rescaling_True_run.json").unlink()
    done = workspace.call("predutils", "settings.train_set=PLACE B", "settings.report=True")
    assert done.returncode == 0, done.stderr
    (record,) = stat.glob("*_run.json")
    files = json.loads(record.read_text(encoding="utf-8"))["files"]
    assert set(files) == {"east", "west"}
    page = record.with_suffix(".html").read_text(encoding="utf-8")
    for name, of in files.items():
        assert (stat / of["view"]).is_file()
        assert f">{name}</h2>" in page


@pytest.mark.parametrize("given", [["nowhere"], [".", "--serve", "--port", "70000"]])
def test_what_cannot_be_reported_on(given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert report.main(given) == 2


def test_a_report_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hscd.system.storage.write_bytes", refused)
    assert report.main([str(tmp_path)]) == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert told.splitlines()[1:] == [f"error: {tmp_path}: no page could be written, as the warning says"]


def test_pages_are_served_on_this_machine_alone(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report.main([str(results), "--quiet"])
    (results / "secret.html").symlink_to("/etc/hostname")
    (results / "loop.html").symlink_to("loop.html")
    with serving.Server(results, 0) as server:
        server.beside = ["http://127.0.0.1:6006/"]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]

        def get(path: str, host: str = f"127.0.0.1:{port}", below: str = server.address[:-1]) -> tuple[int, str]:
            request = urllib.request.Request(below + path, headers={"Host": host})
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, ""

        status, page = get("/")
        assert (status, '<a href="http://127.0.0.1:6006/"' in page) == (200, True)
        assert get("/stat.old/A%20%26%20B_run.html")[0] == 200
        for refused in ("/M_run.json", "/../stat/report.html/..", "/secret.html", "/stat.old/", "/nothing.html", "",
                        "/loop.html", f"/{'a' * 300}.html", "/a%00.html"):  # fmt: skip
            assert get(refused)[0] == 404, refused
        for below in (f"http://127.0.0.1:{port}", server.address[:-2], f"http://127.0.0.1:{port}/%C3%A9"):
            assert get("/report.html", below=below)[0] == 404, below  # without the secret
        for elsewhere in ("elsewhere.example:80", "["):
            assert get("/", elsewhere)[0] == 403
        # Who does not know the secret is answered before any of what is sent; nobody prints anything.
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
            asking.sendall(
                f"POST /report.html HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 9\r\n\r\n".encode()
            )
            assert b" 404 " in asking.recv(100)
        assert serving._Pages.timeout == 30
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            server.handle_error(None, None)
        server.shutdown()
    (results / "loop.html").unlink()
    assert capfd.readouterr().err == ""
    with serving.tensorboard(results / "logs") as beside:
        assert beside == []


def test_ctrl_c_is_the_end_of_serving_and_no_interruption(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(server: object) -> None:
        handler = signal.getsignal(signal.SIGINT)
        assert callable(handler)
        handler(signal.SIGINT, None)

    monkeypatch.setattr(serving.Server, "serve_forever", pressed)
    assert report.main([str(results), "--serve"]) == 0
    told = capsys.readouterr()
    assert re.search(  # a terminal takes all up to the blank for the address
        r"^http://127\.0\.0\.1:\d+/[\w-]{32}/report\.html \(Ctrl-C ends it\)$", told.out, flags=re.MULTILINE
    )
    assert "interrupted" not in told.err
    assert "TensorBoard" not in told.out + told.err  # there are no records for it


# --- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def look(browser: Any, results: Path) -> Iterator[Callable[[str], Any]]:
    """Opens a page; at the end of the test nothing went wrong in it, and nothing was asked for from elsewhere."""

    def opened(page: str, scheme: str = "light") -> Any:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get((results / page).as_uri())
        return browser

    report.main([str(results), "--quiet"])
    browser.get_log("performance")  # of the pages that other tests have looked at
    yield opened
    assert browser.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [of["params"]["request"]["url"] for of in sent if of["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []


def test_two_pictures_and_a_pixel(look: Callable[..., Any]) -> None:
    page = look("change/run.html")
    one = page.find_element
    until(page, "document.querySelector('.over').naturalWidth === 60")
    edge = "parseFloat(document.querySelector('.line').style.left) / 100"
    # In the middle of what changed: of 60 columns, 12 to 29 and some others.
    assert page.execute_script(f"return {edge}") == pytest.approx(21.5 / 60, abs=0.01)
    one("css selector", ".swipe").send_keys("\ue010")  # End
    assert page.execute_script(f"return {edge}") == pytest.approx(1, abs=0.01)
    assert page.execute_script("return getComputedStyle(document.querySelector('.over')).clipPath") != "none"
    shown = [option.text for option in one("css selector", ".left").find_elements("css selector", "option")]
    assert shown == [
        "Before", "After", "Change map", "Before correction", "Scores", "Labels", "Right and wrong"
    ]  # fmt: skip
    window = one("css selector", ".window")
    window.click()
    told = until(page, "document.querySelector('.readout').textContent.includes('Label') && "
                       "document.querySelector('.readout').textContent")  # fmt: skip
    assert re.search(r"Row\d+Column\d+Score≈ [\d.]+ \(threshold [\d.]+\)Map\w+Label\w+", told), told
    assert len(page.find_elements("css selector", ".spectra path.mark:not(.key)")) == 2
    # Of 40 × 60 pixels, rows 10 to 21 and columns 12 to 29 changed: from the corner to row 15, column 20.
    window.send_keys("\ue012" * 60 + "\ue013" * 40 + "\ue014" * 20 + "\ue015" * 15)
    until(page, "document.querySelector('.readout').textContent.startsWith('Row15Column20')")
    assert "MapchangedLabelchanged" in page.execute_script("return document.querySelector('.readout').textContent")
    width = page.execute_script("return document.querySelector('.sheet').clientWidth")
    window.send_keys("+")
    assert page.execute_script("return document.querySelector('.sheet').clientWidth") == pytest.approx(1.5 * width, 1)
    assert page.find_element("css selector", ".chart svg").is_displayed()


def test_the_table_sorts_and_compares(look: Callable[..., Any]) -> None:
    page = look("report.html")

    def column(number: int) -> list[str]:
        rows = page.find_elements("css selector", "#runs tbody tr:not([hidden])")
        return [row.find_elements("css selector", "td")[number].text.split("\n")[0] for row in rows]

    kappa = page.find_element("css selector", "#runs th:nth-child(6)")
    kappa.find_element("css selector", "button").click()
    assert column(5)[1:] == ["0.400", "0.300"]
    assert kappa.get_attribute("aria-sort") == "descending"
    kappa.find_element("css selector", "button").click()
    assert column(5)[:2] == ["0.300", "0.400"]
    page.find_element("id", "filter").send_keys("town stat.old")
    assert column(1) == ["A & B"]
    page.find_element("id", "filter").clear()
    page.find_element("id", "filter").send_keys(" ")
    for pick in page.find_elements("css selector", ".pick")[:2]:
        pick.click()
    page.find_element("id", "compare").click()
    told = page.find_element("id", "compared").text
    assert re.search(r"Kappa 0\.300 0\.400 \+0\.100", told), told
    assert f"model_name – {NOTHING}" in told


@pytest.mark.parametrize("page", ["report.html", "change/run.html", "M_run.html"])
def test_light_dark_and_phone(look: Callable[..., Any], page: str) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = look(page).execute_script(f"return {colour}")
    opened = look(page, "dark")
    dark = opened.execute_script(f"return {colour}")
    assert (light, dark) == ("rgb(251, 251, 250)", "rgb(20, 23, 27)")
    opened.find_element("id", "theme").click()
    assert opened.execute_script(f"return {colour}") == light
    opened.execute_script("localStorage.clear()")
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    # Nothing is wider than a phone; tables scroll by themselves.
    assert opened.execute_script("return document.documentElement.scrollWidth") <= 390
    # No number of a chart is cut off, and none is under the name of its axis.
    assert opened.execute_script(
        "return [...document.querySelectorAll('.chart')].every((chart) => {"
        "  const box = chart.getBoundingClientRect(), up = chart.querySelector('.up')?.getBoundingClientRect();"
        "  return !up?.width && [...chart.querySelectorAll('text')].map((text) => text.getBoundingClientRect())"
        "    .every((text) => text.left >= box.left && text.right <= box.right || !text.width);"
        "})"
    )
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_nothing_is_dark_or_cut(look: Callable[..., Any]) -> None:
    page = look("change/run.html", "dark")
    until(page, "document.querySelector('.over').naturalWidth === 60")
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 32, 36)"
    shown = {name: page.find_element("css selector", name).is_displayed() for name in (".window", ".tools", ".printed")}
    assert shown == {".window": False, ".tools": False, ".printed": True}
    # All pictures side by side, none wider than the paper.
    drawn = page.find_elements("css selector", ".printed img")
    assert [image.get_attribute("alt") for image in drawn] == [
        option.get_attribute("textContent") for option in page.find_elements("css selector", ".left option")
    ]
    until(page, "[...document.querySelectorAll('.printed img')].every((image) => image.naturalWidth === 60)")
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
