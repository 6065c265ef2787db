"""A refusal keeps its words on the way, though `InputError` is a `ValueError`."""

from pathlib import Path

import pytest

from hscd.readers import xml
from hscd.reports.page import found
from hscd.system import hdf5
from hscd.system.errors import InputError, listing


@pytest.mark.parametrize(
    ("module", "limit", "read", "said"),
    [
        (xml, "_LARGEST_BYTES", xml.root_of, "too large to be a metadata file"),
        (found, "_MOST", found.read_run, "not a record of a run: it is larger than 0 MiB"),
    ],
)
def test_a_file_that_is_too_large_is_told_to_be_that(tmp_path: Path, monkeypatch, module, limit, read, said) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"{}")
    monkeypatch.setattr(module, limit, 1)
    with pytest.raises(InputError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: {said}"


def test_a_refusal_inside_of_an_open_file_is_not_damage(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(hdf5, "File", Path)
    with pytest.raises(InputError, match=r"^no such variable$"), hdf5.opened(tmp_path, "file"):
        raise InputError("no such variable")


def test_of_many_items_the_first_ones_are_listed_and_the_others_counted() -> None:
    assert listing(range(10)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listing(range(2000), hex, most=2) == "0x0, 0x1 and 1,998 more"
    assert listing([]) == "none"
