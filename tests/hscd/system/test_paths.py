"""Paths that are misread, wait for ever, or are too long."""

import contextlib
import os
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from hscd.system.errors import InputError
from hscd.system.paths import for_gdal, misplaced, plain_folder, require_names, require_regular

ODD = (
    "a;b", "a!b", "a?b", "?", "a?", "a#b", "a%20b", "a|b", "a'b", 'a"b', "-a", ".a", "a.zip", "a.zip!b", "x:y", "file:",
    "http:", "vsizip", "a&b=c", " a ", "ä€𝄞", "a\\b", "a\nb", "a\tb",
)  # fmt: skip


def make_socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # by a short name, of 107 bytes at most
        made.bind(path.name)


@pytest.mark.parametrize("make", [os.mkfifo, make_socket])
def test_a_pipe_or_socket_is_refused(tmp_path, make):
    path = tmp_path / "x"
    make(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    for refused in (path, link, Path("/dev/zero")):
        with pytest.raises(InputError, match=f"^{refused}: expected a file, found a (named pipe|socket|device)$"):
            require_regular(refused)
        with pytest.raises(InputError, match="expected a file"):
            for_gdal(refused)


def test_files_folders_and_what_is_not_there_pass(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "file", tmp_path / "none", tmp_path / "loop", tmp_path / ("x" * 300)):
        assert require_regular(path) is path


@pytest.mark.parametrize("letter", ["x", "é", "€", "𝄞"])
def test_names_are_as_long_as_the_disk_takes_them(tmp_path, letter):
    # 255 bytes of one, two, three and four a letter.
    size = len(letter.encode())
    longest = tmp_path / (letter * (255 // size) + "x" * (255 % size))
    longest.touch()
    require_names([longest])
    with pytest.raises(InputError, match="256 bytes long, 255 are allowed; shorten"):
        require_names([longest, longest.with_name(f"{longest.name}x")])
    with pytest.raises(OSError, match="too long"):
        longest.with_name(f"{longest.name}x").touch()


def test_paths_are_too(tmp_path):
    # The longest path that can be opened has 4095 bytes, for temporary files of 38 bytes too.
    folder = tmp_path / "/".join(["f" * 199] * 30)
    short = Path(str(folder)[: 4095 - 38])
    assert short.name
    with pytest.raises(InputError, match="the path of this result takes"):
        require_names([folder / "x"])
    with pytest.raises(InputError, match="the path of this result takes"):
        require_names([short / ("x" * 100)])
    require_names([short / "x"])
    with pytest.raises(InputError, match="the path of this result takes 4096 bytes, 4095 are allowed"):
        require_names([short.with_name(f"{short.name}y") / "x"])


def test_what_gdal_gets_is_absolute_and_no_file_system_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert for_gdal(Path("GTIFF_DIR:1:x.tif")) == str(tmp_path / "GTIFF_DIR:1:x.tif")
    assert for_gdal(Path("/vsimem/x.tif")) == "/./vsimem/x.tif"
    with pytest.raises(InputError, match="not UTF-8"):
        for_gdal(Path("/data/\udcff.tif"))


@pytest.mark.parametrize("name", [*ODD, os.fsdecode(b"\xff")])
def test_a_folder_of_any_name_is_written_to_by_pyogrio(tmp_path, monkeypatch, name):
    import pyogrio.raw
    from pyogrio.util import vsi_path

    folder, elsewhere = tmp_path / name / "stat", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with plain_folder(folder) as plain:
        assert vsi_path(plain / "new.gpkg") == str(plain / "new.gpkg")
        fields = [np.ones(1)], ["area"]
        pyogrio.raw.write(plain / "new.gpkg", None, *fields, driver="GPKG", layer="changed")
    assert [path.name for path in folder.iterdir()] == ["new.gpkg"]
    assert not list(elsewhere.iterdir())


def test_a_plain_folder_is_itself_and_links_do_not_stay(tmp_path, monkeypatch):
    odd, links = tmp_path / "a!b", tmp_path / "links"
    odd.mkdir()
    links.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(links))
    with plain_folder(links) as plain:
        assert plain == links
    with plain_folder(odd) as plain:
        assert plain.parent.parent == links
        assert plain.resolve() == odd
    assert not list(links.iterdir())
    monkeypatch.setattr(tempfile, "tempdir", str(odd))  # a place that cannot be named either
    with plain_folder(odd) as plain:
        assert "!" not in str(plain)
        assert plain.resolve() == odd


def test_results_among_images_are_told_apart_from_those_beside_and_above(tmp_path):
    images = [("images", tmp_path / "images"), ("image", tmp_path / "one/a.tif")]
    (tmp_path / "one").mkdir()
    (tmp_path / "one/a.tif").touch()
    for folder, said in (
        ("images", "r: is the folder of images; results would be taken for images, give them another"),
        ("images/x/y", f"r: found {str(tmp_path / 'images/x/y')!r}, inside that of images; results would be taken"),
        ("one/a.tif", "r: is the file of image; expected a folder"),
        ("x/../one", "r: is the folder in which image lies; results would be taken for images, give another"),
    ):
        (found,) = misplaced([("r", tmp_path / folder)], images)
        assert found.startswith(said)
    for folder in (".", "images2", "one/x"):
        assert misplaced([("r", tmp_path / folder)], images) == []


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_a_path_that_is_none_is_not_among_results(tmp_path, name):
    assert misplaced([("r", tmp_path / "r"), ("s", tmp_path)], [("i", tmp_path / name)]) == []
    assert misplaced([("r", tmp_path / name)], [("i", tmp_path / "i")]) == []
