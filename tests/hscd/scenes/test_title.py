"""What a pair is called by both of its images."""

from pathlib import PurePosixPath as Path

import pytest

from hscd.scenes.title import pair_title


@pytest.mark.parametrize(("name", "before", "after", "expected"), [
    # A long stem is told once, and a date is never cut.
    ("taizhou_20000317", "d/taizhou_20000317.img", "d/taizhou_20030206.img", "taizhou_20000317 → 20030206"),
    ("LC08_20150101_T1", "d/LC08_20150101_T1.tif", "d/LC08_20180101_T1.tif", "LC08_20150101_T1 → 20180101"),
    ("2000-taizhou", "2000-taizhou.tif", "2003-taizhou.mat", "2000-taizhou → 2003"),
    ("farm2000", "farm2000.tif", "farm2003.tif", "farm2000 → 2003"),
    # Nothing in common, or next to nothing.
    ("before", "d/before.npy", "d/after.npy", "before → after"),
    ("t1", "d/t1.tif", "d/t2.tif", "t1 → t2"),
    # A name that is the start of the other one, either way round.
    ("farm", "farm.tif", "farm_later.tif", "farm → farm_later"),
    ("farm_early", "farm_early.tif", "farm.tif", "farm_early → farm"),
    ("aa_aa_bb_aa", "aa_aa_bb_aa.tif", "aa_aa_aa.tif", "aa_aa_bb_aa → aa"),
    # One name for both: of folders that tell a date, of the usual ones, of one folder.
    ("img", "2000/img.tif", "2003/img.tif", "img: 2000 → 2003"),
    ("east", "data/Before/east.mat", "data/after/east.mat", "east"),
    ("arrays", "array", "array", "arrays"),
    # A name from a list of pairs, and a folder of bands, whose dots end no name.
    ("site 7", "d/x_2000.tif", "d/x_2003.tif", "site 7: x_2000 → x_2003"),
    ("img_2019-05-01", "d/img_2019-05-01.tif", "d/img_2019-06-01.tif", "img_2019-05-01 → 2019-06-01"),
    ("S2_2019_05_01_T33", "d/S2_2019_05_01_T33.tif", "d/S2_2020_05_01_T33.tif", "S2_2019_05_01_T33 → 2020_05_01"),
    ("city", "d/city_2000.tif", "d/city_2003.tif", "city: city_2000 → 2003"),
    ("pair1", "d/pair1_a", "d/pair1_b", "pair1: pair1_a → b"),
    ("bercy.2016.01", "d/bercy.2016.01", "d/bercy.2017.02", "bercy.2016.01 → 2017.02"),
    ("X", "d/X.img.hdr", "d/Y.img.hdr", "X → Y"),
])  # fmt: skip
def test_a_pair_is_called_by_both_images(name: str, before: str, after: str, expected: str) -> None:
    assert pair_title(name, Path(before), Path(after)) == expected
