"""What README.md and docs/ show is real: commands are parsed by their scripts, examples run, links lead somewhere."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import config
from conftest import PROJECT
from settings import read_settings
from settings.keys import KINDS

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
LINKING = [*PAGES, *(PROJECT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/RESULTS.md"))]
# Words of commands that stand for a file of the reader's.
FILES = re.compile(r"(BEFORE|AFTER|FILE|MAP)|[\w./-]+\.(tif|mat|gpkg|csv)")


def name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def blocks(text: str, language: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [block for of, block in found if of == language]


def commands(text: str) -> list[list[str]]:
    """The words of each command in a block of commands or in the text."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks(text) for line in block.replace("\\\n", "").splitlines()]
    inline = [found[1] for found in re.finditer(r"`([^`]+)`", prose)]
    lines += [line.replace("\n", " ") for line in inline if re.match(r"(python|make|pip|source)\s", line)]
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def headings(page: Path) -> set[str]:
    """What `page.md#…` may end in."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title.lower()).strip().replace(" ", "-") for title in found}


@pytest.fixture
def parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the scripts would carry out: each stops there, its command line and configuration read and checked."""
    done: list[object] = []
    monkeypatch.chdir(tmp_path)
    for stage in (
        "detect.carry_out",
        "compare.carry_out",
        "inspect_data.carry_out",
        "sample.draw",
        "sample.estimate",
        "report.publish",
        "commandline.carry_out",  # at last: a script that is imported now would keep what is set here
    ):
        monkeypatch.setattr(stage, lambda *given: done.append(given) or tmp_path)
    monkeypatch.setattr("report.serve", lambda *_: None)  # which follows report.publish
    shown = [block for page in PAGES for block in blocks(page.read_text(encoding="utf-8"), "ini")]
    sections = "\n".join(block for block in shown if "[settings]" not in block)
    (tmp_path / "net.conf").write_text(config.DATA_CONFIG_PATH.read_text(encoding="utf-8") + sections, encoding="utf-8")
    monkeypatch.setattr(config, "DATA_CONFIG_PATH", tmp_path / "net.conf")
    (whole,) = [block for block in shown if "[settings]" in block]
    (tmp_path / "town.conf").write_text(whole, encoding="utf-8")
    return done


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_real(page: Path, parsed: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    targets = re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for words in commands(page.read_text(encoding="utf-8")):
        match words:
            case ["python", script, *arguments] if script.startswith("Net/"):
                for word in arguments:
                    if FILES.fullmatch(word):
                        Path(word).parent.mkdir(parents=True, exist_ok=True)
                        Path(word).touch()
                before = len(parsed)
                assert (PROJECT / script).is_file(), words
                status = import_module(Path(script).stem).main(arguments)
                assert (status, len(parsed)) == (0, before + 1), (words, capsys.readouterr().err)
            case ["python", "benchmarks", *modules]:
                assert all((PROJECT / f"benchmarks/{module}.py").is_file() for module in modules), words
            case ["make", target]:
                assert target in targets, words
            case ["hscd", *arguments] if arguments != ["init"]:
                for word in arguments:
                    if FILES.fullmatch(word):
                        Path(word).touch()
                before = len(parsed)
                status = import_module("console").main(arguments)
                assert (status, len(parsed)) == (0, before + 1), (words, capsys.readouterr().err)
            case ["pip", "install", "-r", file]:
                assert (PROJECT / file).is_file(), words
            case (
                ["hscd", "init"]
                | ["pip", "install", "."]
                | ["source", ".venv/bin/activate"]
                | ["tensorboard", "--logdir", "Net/stat/logs"]
            ):
                pass
            case _:
                pytest.fail(f"{words}: neither a script, a benchmark nor a target of make")


@pytest.mark.usefixtures("parsed")
@pytest.mark.parametrize("fine_tuning", range(-1, 4))
def test_the_whole_example_has_what_each_fine_tuning_needs(fine_tuning: int) -> None:
    settings = read_settings("town.conf", ["settings.training=False", f"settings.fine_tuning={fine_tuning}"])
    assert settings.fine_tuning == fine_tuning


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_keys_in_the_text_exist(page: Path) -> None:
    of_methods = {"pseudo_labels", "pseudo_rescaling"}  # keys of a method of compare.py alone
    known = {key.name for keys in KINDS.values() for key in keys()} | of_methods
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"`(?:--set )?(?:\w+\.)?([a-z]\w+) ?= ?[^`=]+`", text)
    assert [key for key in shown if key not in known] == []


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = np.random.default_rng(0).random((24, 24, 5))
    after = before + np.random.default_rng(1).normal(0, 0.01, before.shape)
    after[5:9, 5:9] += 1
    np.save("before.npy", before)
    np.save("after.npy", after)
    ran = 0
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "python"):
            given: dict[str, object] = {}
            exec(block, given)
            assert (given["found"].labels[6:8, 6:8] == 0).all()  # type: ignore[attr-defined]
            ran += 1
    assert ran == 4


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, place = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(PROJECT), target
        assert file.is_file(), target
        assert not place or place in headings(file), target


def test_every_page_and_script_is_listed() -> None:
    site = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    readme = PAGES[0].read_text(encoding="utf-8")
    assert [
        name(page) for page in PAGES[1:] if f": {page.name}\n" not in site or f"docs/{page.name}" not in readme
    ] == []
    measured = [page.name for page in (PROJECT / "res").glob("*.md") if page.name != "README.md"]
    assert [page for page in measured if f": res/{page}\n" not in site] == []
    scripts = [path for path in (PROJECT / "Net").glob("*.py") if '__name__ == "__main__"' in path.read_text("utf-8")]
    assert len(scripts) >= 9
    assert [script.name for script in scripts if f"| `python Net/{script.name}" not in readme] == []


def test_readme_is_read_to_its_end() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 120


def test_commands_are_found() -> None:
    block = "```\npython Net/x.py \\\n    --set 'a b=1'   # why\n\n```\n"
    text = f"`make run` and `b = 1`\n{block}see `python\nbenchmarks kinds`\n"
    assert commands(text) == [
        ["python", "Net/x.py", "--set", "a b=1"],
        ["make", "run"],
        ["python", "benchmarks", "kinds"],
    ]
