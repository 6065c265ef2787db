"""The records of runs that lie in a folder, whatever else lies there."""

import json

import pytest

from hscd.reports.page import found
from hscd.reports.page.found import Run, read_run, read_runs
from hscd.system.errors import InputError

RECORD = {"command": "test", "started": "2026-01-02T00:00:00+00:00", "settings": {}, "results": {}, "warnings": []}


def write(path, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(RECORD | changes), encoding="utf-8")
    return path


def test_runs_of_subfolders_the_latest_first(tmp_path) -> None:
    write(tmp_path / "M_run.json", started="2026-01-01T00:00:00+00:00")
    write(tmp_path / "change/run.json")
    write(tmp_path / "stat.old/first/M_run.json", started="2025-01-01T00:00:00+00:00")
    for passed in ("logs/run.json", "comparison/cells/run.json", ".hidden/run.json", ".a_run.json"):
        write(tmp_path / passed)
    (tmp_path / "bad_run.json").write_text("{", encoding="utf-8")
    runs, problems = read_runs(tmp_path)
    assert [run.path.relative_to(tmp_path).as_posix() for run in runs] == [
        "change/run.json", "M_run.json", "stat.old/first/M_run.json"
    ]  # fmt: skip
    assert [run.name for run in runs] == ["change", "M", "M"]
    assert runs[1].page == tmp_path / "M_run.html"
    assert len(problems) == 1
    assert "bad_run.json: not a record of a run" in problems[0]


def test_a_folder_of_everything_is_not_walked_without_end(tmp_path, monkeypatch) -> None:
    for folder in ("1", "1/2", "1/2/3", "1/2/3/4"):
        write(tmp_path / folder / "run.json")
    assert [len(run.path.relative_to(tmp_path).parts) for run in read_runs(tmp_path)[0]] == [2, 3, 4]
    monkeypatch.setattr(found, "_FOLDERS", 2)
    runs, problems = read_runs(tmp_path)
    assert [run.path.parent.name for run in runs] == ["1"]
    assert "holds more than 2 folders" in problems[0]


@pytest.mark.parametrize("content", [b"", b"[]", b'"a"', b"{}", b"\xff\xfe", b"[" * 100_000, b"nan"])
def test_what_is_no_record_is_refused(tmp_path, content) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a record of a run"):
        read_run(path)


@pytest.mark.parametrize("changes", [{"results": {"a": 1}}, {"warnings": "x"}, {"settings": None}])
def test_a_record_of_other_kinds_is_refused(tmp_path, changes) -> None:
    with pytest.raises(InputError, match="not a record"):
        read_run(write(tmp_path / "run.json", **changes))


def test_only_files_beside_the_record_are_read(tmp_path) -> None:
    files = {"a": {"view": "view.json", "trials": "t.csv", "embedding": "../secret.csv", "bands": "gone.csv"}}
    (tmp_path / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    run = Run(write(tmp_path / "in/run.json", files=files), RECORD | {"files": files})
    (tmp_path / "in/view.json").write_text('{"rows": 3}', encoding="utf-8")
    (tmp_path / "in/t.csv").write_text("x,y\n1,2\n3\n4,5,6\n", encoding="utf-8")
    assert run.json("a", "view") == {"rows": 3}
    assert run.table("a", "trials") == [{"x": "1", "y": "2"}]  # rows of another length are damaged
    assert (run.table("a", "embedding"), run.table("a", "bands"), run.json("b", "view")) == ([], [], None)
    for damaged in ("[1]", "{", "[" * 100_000):
        (tmp_path / "in/view.json").write_text(damaged, encoding="utf-8")
        assert run.json("a", "view") is None
