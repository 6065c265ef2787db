"""A handful of the kills of `make soak`."""

import os
from pathlib import Path

import pytest

from soak import soak

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills by signals of POSIX")


@pytest.mark.parametrize(("work", "kills"), [("writing", 10), ("pseudo-labels", 2), ("search", 2), ("fine-tuning", 1)])
def test_killed_work_leaves_whole_files_and_ends_as_if_it_had_not_been(tmp_path: Path, work: str, kills: int) -> None:
    tally = soak(work, kills, 0, tmp_path)
    assert tally.failures == ()
    # A kill that comes too late proves nothing.
    assert tally.landed >= kills
