"""The progress of a whole run of several parts in one bar, with the time that is left.

What reports progress inside, with a bar of its own (`messages.progress`), moves the bar of the whole instead. Parts
that report nothing move it with the time, up to what they are expected to take.
"""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# Seconds before a bar shows, between two looks at it, and between two lines where there is no terminal.
_PATIENCE, _INTERVAL, LINES = 2.0, 0.25, 30.0
# A part that takes longer than expected is expected to take this much more of what it has taken.
_OVERDUE = 0.2
# Share of a part that has to be done before its end is told from it.
_TOLD = 0.02


class Whole:
    """Parts that come one after the other, each with the seconds that it is expected to take.

    Args:
        expected: seconds by the name of the part, in their order.
        clock: gives seconds.
    """

    def __init__(self, expected: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._expected = dict(expected)
        self._clock = clock
        self._started = self._part_started = clock()
        self.name = next(iter(self._expected))
        # What the names of parts that come several times end in, each time.
        self.turn = ""
        self._done = 0.0
        self._shown = 0.0

    def begin(self, name: str) -> None:
        """The part of a name begins, those before it are over; with `turn` behind the name, where there is that one."""
        name = name + self.turn if name + self.turn in self._expected else name
        for before in list(self._expected):
            if before == name:
                break
            del self._expected[before]
        self._expected.setdefault(name, 0.0)
        self.name, self._done, self._part_started = name, 0.0, self._clock()

    def expect(self, **seconds: float) -> None:
        """Better expectations of parts that are not over."""
        self._expected |= {name: value for name, value in seconds.items() if name in self._expected}

    def report(self, share: float) -> None:
        """A share in [0, 1] of the present part is done."""
        self._done = share

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._started

    @property
    def left(self) -> float:
        """Seconds to the end, as far as that can be told."""
        taken = self._clock() - self._part_started
        others = sum(value for name, value in self._expected.items() if name != self.name)
        if self._done > _TOLD:
            return others + taken * (1 - self._done) / self._done
        return others + max(self._expected[self.name] - taken, _OVERDUE * taken)

    @property
    def share(self) -> float:
        """Share in [0, 1[ of the time that has passed; it never falls."""
        self._shown = max(self._shown, self.seconds / max(self.seconds + self.left, 1e-9))
        return self._shown


class ItemsLeft:
    """How long some things that come one after the other are going to take, before the first is done as well.

    Args:
        expected: seconds that each is expected to take, in their order; what those that are done took corrects it.
        clock: gives seconds.
    """

    def __init__(self, expected: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        self._expected, self._clock, self._started = list(expected), clock, clock()
        self._done, self._taken = 0, 0.0

    def end(self) -> None:
        """The next one is done."""
        self._done, self._taken = self._done + 1, self._clock() - self._started

    @property
    def seconds(self) -> float:
        """Seconds to the end of all, as far as that can be told."""
        pace = self._taken / sum(self._expected[: self._done]) if self._done else 1
        return pace * sum(self._expected[self._done :])

    def __str__(self) -> str:
        return _about(self.seconds)


def _about(seconds: float) -> str:
    from tqdm import tqdm

    return f"about {tqdm.format_interval(round(seconds))} left"


# Bars of tqdm whose unit is what `TrainingsLeft` or `ItemsLeft` says: of several trainings, and of the epochs of one.
TRAININGS = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}, {unit}{postfix}]"
EPOCHS = "{desc}: epoch {n_fmt} [{elapsed}, {unit}{postfix}]"
# Until trainings tell what they take: seconds of an epoch a pair of pixels, and epochs until one stops early.
_PAIR_SECONDS, _EPOCHS = 4e-5, 30


class TrainingsLeft:
    """How long some trainings that stop early are going to take, before their first epoch ends as well.

    Args:
        trainings: how many are left.
        pairs: pixel pairs that each learns from.
        at_once: how many run side by side.
        clock: gives seconds.
    """

    def __init__(
        self, trainings: int, pairs: int, at_once: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._trainings, self._pairs, self._at_once, self._clock = trainings, pairs, max(at_once, 1), clock
        self._started = clock()
        self._running: dict[int, int] = {}
        self._ended: list[int] = []

    def epoch(self, training: int, epoch: int) -> None:
        """An epoch of a training is over; both have numbers, that of the epoch is from 1."""
        self._running[training] = epoch

    def end(self, training: int) -> None:
        """A training is over."""
        self._ended.append(self._running.pop(training, 0))

    @property
    def seconds(self) -> float:
        """Seconds to the end of all, as far as that can be told."""
        done = sum(self._ended) + sum(self._running.values())
        epoch = (self._clock() - self._started) * self._at_once / done if done else self._pairs * _PAIR_SECONDS
        whole = sum(self._ended) / len(self._ended) if any(self._ended) else _EPOCHS
        left = [max(whole - epochs, _OVERDUE * epochs) for epochs in self._running.values()]
        left += [whole] * (self._trainings - len(self._ended) - len(left))
        return epoch * max(sum(left) / self._at_once, *left, 0)

    def __str__(self) -> str:
        return _about(self.seconds)


# A bar of tqdm without the bar.
_LINE = "{desc}: {n_fmt} of {total_fmt} [{elapsed}, {remaining} left{postfix}]"


def as_lines(style: str | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Options of tqdm that make a bar a line now and then, and none of what is over before, as in a log.

    Args:
        style: the format of the bar; None for that of tqdm.
        say: takes the lines.
    """
    style = _LINE if style is None else style.replace("|{bar}|", "")
    return {"bar_format": style, "mininterval": LINES, "delay": LINES, "leave": False, "file": _Lines(say)}


class _Lines(io.TextIOBase):
    """A file that has what a bar writes over itself said line by line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def write(self, text: str) -> int:
        if line := text.strip():
            self._say(line)
        return len(text)


class Inside:
    """What a bar inside a whole is: it draws nothing, and reports to it."""

    def __init__(self, whole: Whole, of: Iterable[Any] | None = None, total: float | None = None, **_: Any) -> None:
        self._whole = whole
        self._of = of
        self.n = 0.0
        self.total = len(of) if total is None and isinstance(of, Sized) else total

    def __enter__(self) -> Inside:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        for item in self._of or ():
            yield item
            self.update()

    def update(self, count: float = 1) -> None:
        self.n += count
        if self.total:
            self._whole.report(min(self.n / self.total, 1.0))

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """What stands behind a bar has no place here."""

    def set_description_str(self, text: str) -> None:
        """Nor has what stands before it."""


_CURRENT: ContextVar[Whole | None] = ContextVar("whole", default=None)


def current() -> Whole | None:
    """The whole that a bar would be inside of."""
    return _CURRENT.get()


def begin(part: str) -> None:
    """A part of the present whole begins; nothing happens where there is none."""
    whole = current()
    if whole is not None:
        whole.begin(part)


@contextmanager
def whole(expected: Mapping[str, float], shown: bool, say: Callable[[str], None]) -> Iterator[Whole]:
    """Show the progress of what is done in the block.

    On a terminal it is a bar; elsewhere, in a log, a line now and then.

    Args:
        expected: as of `Whole`.
        shown: whether to show anything.
        say: takes the lines.
    """
    present = Whole(expected)
    token = _CURRENT.set(present)
    over = threading.Event()
    draw = _on_terminal if sys.stderr.isatty() else _in_log
    drawing = threading.Thread(target=draw, args=(present, over, say), daemon=True)
    try:
        if shown:
            drawing.start()
        yield present
    finally:
        over.set()
        _CURRENT.reset(token)
        if shown:
            drawing.join()


def _on_terminal(present: Whole, over: threading.Event, say: Callable[[str], None]) -> None:
    if over.wait(_PATIENCE):
        return
    from tqdm import tqdm

    # The unit stands for the time left: what tqdm would tell from the share alone forgets what is known of the parts.
    style = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {unit} left"
    with tqdm(total=100, bar_format=style, dynamic_ncols=True, leave=False) as bar:
        bar.start_t -= present.seconds  # it began before it was drawn
        while not over.wait(_INTERVAL):
            bar.n = 100 * present.share
            bar.unit = tqdm.format_interval(round(present.left))
            bar.set_description_str(present.name, refresh=False)
            bar.refresh()


def _in_log(present: Whole, over: threading.Event, say: Callable[[str], None]) -> None:
    from tqdm import tqdm

    while not over.wait(LINES):
        say(f"{present.name}: {100 * present.share:.0f} %, {tqdm.format_interval(round(present.left))} left")
