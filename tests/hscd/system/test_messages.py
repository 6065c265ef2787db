"""What is said where, and from which level on."""

import io
import logging
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hscd.system.messages import (
    NORMAL,
    QUIET,
    VERBOSE,
    collected,
    detail,
    ended,
    error,
    progress,
    result,
    show_messages,
    tell,
    warn,
)
from hscd.system.naming import Naming, given, named_by
from hscd.system.parallel import over_blocks
from hscd.system.progress import TRAININGS


@pytest.fixture(autouse=True)
def level_as_before():
    logger = logging.getLogger("hscd")
    level = logger.level
    yield
    logger.setLevel(level)


def say_all():
    result("kappa .9")
    ended("interrupted")
    error("no such file")
    warn("5 % of it is odd")
    tell("making the demo data")
    detail("took 3 s")


SAID = ["interrupted", "error: no such file", "warning: 5 % of it is odd", "making the demo data", "took 3 s"]


@pytest.mark.parametrize(("level", "lines"), [(QUIET, 3), (NORMAL, 4), (VERBOSE, 5)])
def test_a_level_shows_what_is_of_it_and_above(capsys, level, lines):
    show_messages(level)
    show_messages(level)  # a second run in one process does not say it twice
    say_all()
    said = capsys.readouterr()
    assert said.out == "kappa .9\n"  # results alone, whatever the level
    assert said.err.splitlines() == SAID[:lines]


def test_quiet_hides_bars(capsys, monkeypatch):
    show_messages(QUIET)
    assert list(progress([1, 2])) == [1, 2]
    assert capsys.readouterr().err == ""
    show_messages(NORMAL)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress([1, 2])) == [1, 2]
    assert "2/2" in capsys.readouterr().err


def test_warnings_alone_are_collected(capsys):
    show_messages(QUIET)
    with collected() as texts:
        say_all()
    warn("later")
    assert texts == ["interrupted", "no such file", "5 % of it is odd"]


def test_warnings_are_collected_whatever_logging_shows():
    logging.getLogger("hscd").setLevel(logging.CRITICAL)
    logging.disable()
    try:
        with collected() as outer, collected() as texts:
            warn("odd")
    finally:
        logging.disable(logging.NOTSET)
    assert outer == texts == ["odd"]


def _warn_and_fail():
    with collected(shown=False):
        warn("odd")
        raise ValueError("lost")


def test_warnings_are_shown_where_no_logging_is_set_up(capsys, monkeypatch):
    for name in ("hscd", "root"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    monkeypatch.setattr(logging.getLogger("hscd"), "propagate", True)
    with collected():
        warn("odd")
    assert capsys.readouterr().err == "warning: odd\n"  # `logging.lastResort` would leave out what it is
    with collected(shown=False) as texts:
        warn("odd")
    assert (capsys.readouterr().err, texts) == ("", ["odd"])
    with pytest.raises(ValueError, match="lost"):
        _warn_and_fail()
    warn("even")
    assert capsys.readouterr().err == "warning: odd\nwarning: even\n"


def test_each_thread_collects_its_own_warnings():
    together = threading.Barrier(2, timeout=10)

    def collect(text):
        with named_by(Naming(str, lambda key, value: f"{text}: {key}{value}")), collected() as texts:
            together.wait()
            warn(given("odd", ""))
            together.wait()
        return texts

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(collect, "ab")) == [["a: odd"], ["b: odd"]]


def test_what_is_warned_of_in_blocks_is_collected(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with collected() as texts:
        over_blocks(lambda block: warn(f"{block.start} is odd"), 2, 1)
    assert sorted(texts) == ["0 is odd", "1 is odd"]


@pytest.mark.parametrize(("terminal", "seconds"), [(True, 0.1), (False, 30)])
def test_in_a_log_a_bar_seldom_shows(monkeypatch, terminal, seconds):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with progress(desc="search", total=2) as bar:
        assert (bar.mininterval, bar.miniters) == (seconds, 0)


def test_in_a_log_a_bar_is_lines(monkeypatch, capsys):
    show_messages(NORMAL)
    bars = ({"desc": "search", "unit": "about 00:04 left", "bar_format": TRAININGS}, {"desc": "report"})
    for options in bars:  # what is over before the first line is none
        with progress(total=4, **options) as bar:
            bar.update()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("hscd.system.progress.LINES", 0)
    for options in bars:
        with progress(total=4, **options) as bar:
            bar.update()
    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert all(line.endswith("\n") and "\r" not in line and "|" not in line for line in lines)
    assert any(re.fullmatch(r"search:  25% 1/4 \[\d\d:\d\d, about 00:04 left\]\n", line) for line in lines)
    assert any(re.fullmatch(r"report: 1 of 4 \[\d\d:\d\d, .* left\]\n", line) for line in lines)


def test_what_another_process_will_tell_is_collected_and_not_shown(capsys, monkeypatch):
    for name in ("hscd", "root"):  # as in a process that was started for a task
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    monkeypatch.setattr(logging.getLogger("hscd"), "propagate", True)
    with collected() as outer:
        with collected(shown=False) as texts, collected() as inner:
            warn("odd")
        warn("later")
    assert (texts, inner, outer) == (["odd"], ["odd"], ["odd", "later"])
    assert capsys.readouterr().err == "warning: later\n"
