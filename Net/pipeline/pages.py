"""Stage: runs as pages to look at. No run fails for its page: what goes wrong with that is a warning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hscd.system import messages, storage
from hscd.system.errors import InputError, brief
from pipeline.commands import named

if TYPE_CHECKING:
    from hscd.reports.page.found import Run
    from hscd.reports.page.view import Shown
    from hscd.scenes.scene import Scene
    from pipeline.run_record import RunRecord
    from settings import Settings

INDEX = "report.html"
# What commands on a page call the folder of a sample.
_SAMPLES = "FOLDER"


def keep(settings: Settings, record: RunRecord, scene: Scene, shown: Shown, path: Path) -> None:
    """Keep what the page of a run shows of a pair, in a file beside its results.

    Args:
        settings: the run's settings.
        record: of the run, which notes the file.
        scene: the pair.
        shown: its maps.
        path: the file, JSON.
    """
    if not settings.report:
        return
    from hscd.reports.page.view import view

    with _no_failure(path), record.stage("report"):
        found = view(scene, shown, record.pairs, settings.seed)
        record.add_thumbnail(scene.name, found.pop("thumbnail"))
        content = json.dumps(found, ensure_ascii=False, allow_nan=False)
        storage.write_bytes(path, content.encode("utf-8", "surrogateescape"))
        record.add_outputs(scene.name, {"view": path})
        record.add_written(scene.name, "map", [path])


def add(path: Path) -> None:
    """Write the page of the run that a record is of, and the index of the folder that this lies in.

    Args:
        path: of the record.
    """
    from hscd.reports.page.found import read_run, read_runs

    with _no_failure(path.with_name(INDEX)):
        _write_page(read_run(path))
        _write_index(path.parent, *read_runs(path.parent))


def remove(path: Path) -> None:
    """Remove the page of an earlier run, whose record is at this path: it would show what is no longer there.

    A file of that name is no such page where there is no record, or one of a run without a page.
    """
    from hscd.reports.page.found import read_run

    with suppress(InputError):
        run = read_run(path)
        if run.record["settings"].get("report") is True:
            storage.remove(run.page)


def rebuild(folder: Path) -> list[Run]:
    """Write the pages of all runs in a folder and below it, and the index of each folder that has any; the runs."""
    from hscd.reports.page.found import read_runs

    runs, problems = read_runs(folder)
    for problem in problems:
        messages.warn(problem)
    with messages.progress(runs, desc="report", unit="page") as bar:
        for run in bar:
            with _no_failure(run.page):
                _write_page(run)
    for place in {folder, *(run.path.parent for run in runs)}:
        inside = [run for run in runs if run.path.is_relative_to(place)]
        with _no_failure(place / INDEX):
            _write_index(place, inside, problems if place == folder else [])
    return runs


def _write_page(run: Run) -> None:
    from hscd.reports.page.render import run_page, sample_page
    from pipeline import labelling

    sample = labelling.sample_of(run)
    page = None if sample is None else sample_page(run, sample.name, labelling.labels_of(sample), _commands(sample))
    storage.write_bytes(run.page, (page or run_page(run)).encode("utf-8", "replace"))


def _commands(sample: Path) -> tuple[str, str, str]:
    """As `sample_page` wants them: by names, as such a page is sent to whoever labels; run in the program's folder."""
    judge = ("sample", "--labelled", f"{_SAMPLES}/{sample.name}")
    downloaded = ("--labels", f"{_SAMPLES}/{sample.stem}.csv")
    return named(*judge), named(*judge, *downloaded), named("report", _SAMPLES, "--serve")


def _write_index(folder: Path, runs: list[Run], problems: list[str]) -> None:
    from hscd.reports.page.render import index_page

    storage.write_bytes(folder / INDEX, index_page(folder, runs, problems).encode("utf-8", "replace"))


@contextmanager
def _no_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever it is: the results are there
        messages.warn(f"{path}: no page was written, the results are not affected: {brief(error)}")
