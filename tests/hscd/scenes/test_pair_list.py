"""Lists of pairs: what is read, and what is refused, naming file and line."""

import os

import pytest

from hscd.scenes.pair_list import read, require_files
from hscd.system.errors import InputError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lists" / "list.csv"


def write(file, text, encoding="utf-8"):
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode(encoding))


def test_rows_are_sorted_by_name_and_paths_relative_to_the_file(file):
    write(file, "name,after,before,label\nzoo, b/1.tif ,a/1.tif,l/1.png\n\nchâteau,/data/b,a,\n", "utf-8-sig")
    first, second = read(file)
    assert (first.name, first.line, second.name, second.line) == ("château", 4, "zoo", 2)
    folder = file.parent
    assert (second.before, second.after, second.label) == (folder / "a/1.tif", folder / "b/1.tif", folder / "l/1.png")
    assert (first.before, first.after.as_posix(), first.label) == (folder / "a", "/data/b", None)
    assert second.changed_mask is None


def test_masks(file):
    write(file, "name,before,after,changed_mask,unchanged_mask\nt,a,b,c.bmp,u.bmp\n")
    (row,) = read(file)
    assert (row.changed_mask, row.unchanged_mask) == (file.parent / "c.bmp", file.parent / "u.bmp")


def test_a_split_takes_its_rows(file):
    write(file, "name,before,after,split\na,1,2,train\nb,1,2,test\nc,1,2,train\nd,1,2,\n")
    assert [row.name for row in read(file, "train")] == ["a", "c"]
    assert [row.name for row in read(file)] == ["a", "b", "c", "d"]
    with pytest.raises(
        InputError, match=r"list\.csv: lists no pair of split 'val'; the values of split are '', 'test', "
    ):
        read(file, "val")


HEAD = "name,before,after,label,changed_mask,unchanged_mask\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column name"),
        ("name\n", "line 1: no column before, after; expected name, before, after at least"),
        ("name,before\n", "line 1: no column after; expected name, before, after at least"),
        ("name,before,after,sensor\n", "line 1: unknown column 'sensor'; known: name, before, after, label, "),
        ("name,before,after,name\n", "line 1: the column name appears twice"),
        ("name,before,after\n", "list.csv: lists no pair"),
        ("name,before,after\nx,a\n", "line 2: 2 values, the first line names 3 columns"),
        ("name,before,after\nx,a,b,c\n", "line 2: 4 values"),
        ("name,before,after\n\nx,a,\n", "line 3: no after"),
        ("name,before,after\n,a,b\n", "line 2: no name"),
        ("name,before,after\nx,a,b\ny,a,b\nx,c,d\n", "line 4: the name 'x' is also on line 2"),
        ("name,before,after\nx/y,a,b\n", "line 2: the name 'x/y' cannot be part of a file name"),
        ("name,before,after\n..,a,b\n", "line 2: the name '..' cannot"),
        (HEAD + "x,a,b,,c,\n", "line 2: changed_mask alone; expected both masks, or a label"),
        (HEAD + "x,a,b,,,c\n", "line 2: unchanged_mask alone"),
        (HEAD + "x,a,b,l,c,u\n", "line 2: found a label and masks; expected one of the two"),
        (HEAD + "x,a,b,l,c,\n", "line 2: found a label and masks; expected one of the two"),
        (HEAD + "x,a,b,,c/m.bmp,c/./m.bmp\n", "line 2: both masks are c/m.bmp; expected two different ones"),
        ('name,before,after\nx,a,"b\n', "line 2: not a CSV file"),
        ("name;before;after\nx;a;b\n", "line 1: its columns are separated by semicolons; expected commas"),
        ('"name";"before";"after"\n', "line 1: its columns are separated by semicolons; expected commas"),
        ("\ufeffname\tbefore\tafter", "line 1: its columns are separated by tabs; expected commas"),
        ("name,before,after\nx;a;b\n", "the first line names 3 columns; they are separated by semicolons, expected"),
    ],
)
def test_what_is_refused(file, text, said):
    write(file, text)
    with pytest.raises(InputError) as caught:
        read(file)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_split_without_its_column_is_refused(file):
    write(file, "name,before,after\nx,a,b\n")
    with pytest.raises(InputError, match="line 1: no column split, which split = 'train' needs"):
        read(file, "train")


def test_a_file_that_is_missing_or_not_utf_8_is_refused(file):
    with pytest.raises(InputError, match=r"list\.csv: cannot be read: No such file"):
        read(file)
    write(file, "name,before,after\nchâteau,a,b\n", "latin-1")
    with pytest.raises(InputError, match=r"list\.csv: not a text file in UTF-8"):
        read(file)


@pytest.mark.parametrize("column", ["before", "after", "label"])
@pytest.mark.parametrize("there", [False, True])
def test_what_is_not_there_is_told_by_its_line(file, column, there):
    write(file, "name,before,after,label\nx,before,after,label\n")
    for name in ("before", "after", "label"):
        if there or name != column:
            (file.parent / name).touch()
    if there:
        require_files(file, read(file))
    else:
        with pytest.raises(InputError, match=rf"list\.csv, line 2: .*/{column}: no such file or folder \({column}\)"):
            require_files(file, read(file))


def test_a_path_that_is_too_long_is_not_there(file):
    write(file, f"name,before,after\nx,{'a' * 5000},b\n")
    with pytest.raises(InputError, match=r"list\.csv, line 2: .*no such file or folder \(before\)"):
        require_files(file, read(file))


def test_a_pipe_in_place_of_a_list_is_refused(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes on this system")
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(InputError, match="a named pipe"):
        read(tmp_path / "a.csv")
