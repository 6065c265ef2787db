"""The progress of a run of several parts: its times by hand, on a clock that is told the time, and what is shown."""

import io
import re
import time

import pytest

from hscd.system import messages, progress
from hscd.system.progress import Whole


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def whole(clock):
    return Whole({"reading": 2, "fitting": 10, "scoring": 8}, clock)


def test_a_part_that_tells_nothing_takes_what_is_expected(whole, clock):
    assert (whole.seconds, whole.left, whole.share) == (0, 20, 0)
    clock.now += 1
    assert whole.left == 1 + 10 + 8
    assert whole.share == pytest.approx(1 / 20)
    # Overdue: of the 10 s that it has taken a fifth.
    clock.now += 9
    assert whole.left == 2 + 10 + 8
    assert whole.share == pytest.approx(10 / 30)


def test_a_part_that_tells_its_share_is_expected_to_go_on_like_that(whole, clock):
    clock.now += 3
    whole.report(0.01)  # too little to tell
    assert whole.left == pytest.approx(0.6 + 18)
    whole.report(0.75)
    assert whole.left == pytest.approx(1 + 18)
    whole.report(1)
    assert whole.left == 18


def test_a_part_that_comes_again_has_its_turn_in_its_name(clock):
    whole = Whole({"fitting 1": 10, "fitting 2": 20, "mapping": 5}, clock)
    whole.turn = " 2"
    whole.begin("fitting")
    assert (whole.name, whole.left) == ("fitting 2", 25)
    whole.begin("mapping")
    assert (whole.name, whole.left) == ("mapping", 5)


def test_trainings_are_expected_to_take_what_others_took(clock):
    left = progress.TrainingsLeft(3, 1000, at_once=2, clock=clock)
    # Before the first epoch: 3 trainings of 30 epochs of 1000 · 40 µs, two at a time.
    assert left.seconds == pytest.approx(3 * 30 * 0.04 / 2)
    clock.now += 5
    left.epoch(0, 1)
    left.epoch(1, 1)
    # 2 epochs in 5 s, two at a time: 5 s each. 29 epochs of two trainings and 30 of the third are left.
    assert left.seconds == pytest.approx(5 * (29 + 29 + 30) / 2)
    assert str(left) == "about 03:40 left"
    clock.now += 5
    left.epoch(0, 2)
    left.end(0)
    left.epoch(1, 5)
    # 7 epochs in 10 s: 20/7 s each. Trainings take 2 epochs by now, of which 1 has taken 5: it may take 1 more.
    assert left.seconds == pytest.approx(20 / 7 * 2)
    left.end(1)
    left.end(2)
    assert left.seconds == 0


def test_items_are_expected_to_take_as_much_longer_as_those_before(clock):
    left = progress.ItemsLeft([2, 4, 6], clock)
    assert str(left) == "about 00:12 left"
    clock.now += 5  # 2.5 times what was expected, so (4 + 6) · 2.5 = 25
    assert left.seconds == 12
    left.end()
    assert left.seconds == 25
    clock.now += 4  # 9 s for 6: 6 · 1.5 = 9
    left.end()
    assert left.seconds == 9
    left.end()
    assert left.seconds == 0


def test_a_new_part_ends_those_before(whole, clock):
    clock.now += 1
    whole.begin("scoring")
    assert whole.name == "scoring"
    assert whole.left == 8
    whole.expect(scoring=3, reading=50)  # reading is over
    assert whole.left == 3
    clock.now += 2
    assert whole.left == 1
    assert whole.seconds == 3
    assert whole.share == 0.75
    whole.begin("another")
    assert whole.left == 0


def test_the_share_never_falls(whole, clock):
    clock.now += 5
    assert whole.share == pytest.approx(5 / 24)
    whole.expect(scoring=100)
    assert whole.share == pytest.approx(5 / 24)


def test_bars_inside_report_and_draw_nothing(capsys):
    messages.show_messages()
    with messages.whole(reading=1, scoring=1) as whole:
        with messages.progress(desc="reading", total=8, unit="pixel", delay=0) as bar:
            bar.update(2)
            assert whole._done == 0.25
            bar.set_postfix_str("x")
            bar.set_description_str("y")
        progress.begin("scoring")
        assert whole._done == 0
        assert [(item, whole._done) for item in messages.progress("ab", desc="letters")] == [("a", 0), ("b", 0.5)]
        assert whole._done == 1
        with messages.progress(desc="no total") as bar:
            bar.update()
    assert progress.current() is None
    progress.begin("scoring")  # of nothing
    assert capsys.readouterr() == ("", "")


def test_after_an_error_bars_are_as_ever():
    with pytest.raises(KeyError), messages.whole(reading=1):
        raise KeyError
    assert progress.current() is None


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def quick(monkeypatch):
    for name in ("_PATIENCE", "_INTERVAL", "LINES"):
        monkeypatch.setattr(progress, name, 0.01)


@pytest.mark.parametrize("level", [messages.QUIET, messages.NORMAL])
def test_a_terminal_has_one_bar_with_part_share_and_times(quick, monkeypatch, level):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    messages.show_messages(level)
    try:
        with messages.whole(reading=1000, scoring=3000):
            time.sleep(0.2)
            progress.begin("scoring")
            with messages.progress(total=4, desc="scores") as bar:
                bar.update(1)
                time.sleep(0.2)
    finally:
        messages.show_messages()
    shown = re.findall(r"(\w+): +(\d+)%\|.*?\| 00:00, ([\d:]+) left", terminal.getvalue())
    if level == messages.QUIET:
        assert terminal.getvalue() == ""
        return
    # 4000 s are left, an hour and 6:40; then three times what the first quarter took, which is less than a second.
    assert ("reading", "0", "1:06:40") in shown
    assert {name for name, *_ in shown} == {"reading", "scoring"}
    assert shown[-1][2] in ("00:00", "00:01")
    assert int(shown[-1][1]) > 10


def test_a_log_has_lines_now_and_then(quick, capsys):
    messages.show_messages()
    with messages.whole(reading=1000):
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert set(lines) == {"reading: 0 %, 16:40 left"}


def test_what_is_over_soon_shows_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with messages.whole(reading=1):
        pass
    assert terminal.getvalue() == ""
