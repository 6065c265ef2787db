"""The runs of a comparison, put together: a row a method, best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hscd.evaluation.confusion import PLAUSIBLE_SHARE

# Kappa between two maps of one method that is too little to rely on it.
STABLE = 0.5
# Against labels, by the names of the figures; each grows with accuracy.
METRICS = ("kappa", "f1", "iou", "overall_accuracy", "average_precision", "auroc")


@dataclass(frozen=True)
class Run:
    """A method on a pair with a seed; `error` says why there is no map.

    `source` is what gives the scores, `seen` what the method was told of change, `fair` whether that leaves its figures
    on this pair meaningful. `figures` are the `METRICS`, "share" (of change), "seconds", "memory" (MiB, largest) and
    "halves" (kappa between the map and that of both halves by themselves); None or missing where undefined. `doubts`
    are what makes its threshold doubtful.
    """

    method: str
    source: str
    seen: str
    fair: bool
    pair: str
    seed: int
    figures: Mapping[str, float | None] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Ranked:
    """A method over all pairs and seeds.

    `rank` counts from 1 among those that can be compared: None where a run failed, the method was trained on what it
    is judged by, or nothing judges. `means` are over pairs, `deviations` those of the means of single seeds; NaN where
    undefined. `kappas` and `shares` are means over seeds by pair, `unfair` the pairs that it was trained on.
    `agreement` is the mean kappa with the maps of others, `seeds` that between maps of different seeds, `halves` as of
    `Run`; NaN where there is nothing to compare.
    """

    method: str
    source: str
    seen: str
    rank: int | None
    means: Mapping[str, float]
    deviations: Mapping[str, float]
    kappas: Mapping[str, float]
    shares: Mapping[str, float]
    unfair: frozenset[str]
    memory: float
    agreement: float
    seeds: float
    halves: float
    doubts: tuple[str, ...]
    failed: int
    runs: int
    reason: str

    @property
    def fair(self) -> bool:
        return not self.unfair

    @property
    def comparable(self) -> bool:
        return self.fair and not self.failed

    @property
    def consistency(self) -> float:
        """Mean of what is known of agreement and stability: how alike maps are, not how right."""
        return _mean([self.agreement, self.seeds, self.halves])

    @property
    def against(self) -> tuple[str, str] | None:
        """What speaks against it where no label judges, a reason and its measure; None if nothing does."""
        shares = [share for share in self.shares.values() if np.isfinite(share)]
        if self.failed or not shares:
            return "as there is no map", f" ({self.failed} of {self.runs} runs)"
        if min(shares) == 0:
            return "as nothing at all is called changed", ""
        if max(shares) > PLAUSIBLE_SHARE:
            return "as an unusually large part is called changed", f" ({100 * max(shares):.0f} %)"
        if self.seeds < STABLE:
            return "as maps of different seeds disagree", f" (kappa {self.seeds:z.3f})"
        if self.halves < STABLE:
            return (
                "as the map depends on what else is in the image",
                f" (kappa {self.halves:z.3f} with that of its halves)",
            )
        return None


def ranked(
    runs: Sequence[Run], agreements: Mapping[str, float], seeds: Mapping[str, float], of_labels: bool
) -> list[Ranked]:
    """The methods, best first: by kappa where there are labels, else by how consistent they are.

    Those of which a run failed come after the others, as their means are of other pairs, and those that were trained
    on what they are judged by come last. Without labels those that something speaks against come after the others.

    Args:
        runs: all of them.
        agreements: mean kappa with the maps of other methods, by method.
        seeds: mean kappa between maps of different seeds, by method.
        of_labels: whether there are labels.
    """
    found = []
    for name in dict.fromkeys(run.method for run in runs):
        ours = [run for run in runs if run.method == name]
        found.append(_one(ours, agreements.get(name, np.nan), seeds.get(name, np.nan)))

    def order(row: Ranked) -> tuple[bool, bool, float]:
        value = row.means["kappa"] if of_labels else row.consistency
        behind = bool(row.failed) if of_labels else row.against is not None
        return not row.fair, behind, -np.nan_to_num(value, nan=-np.inf)

    found.sort(key=order)
    compared = [row.method for row in found if row.comparable and of_labels]
    return [replace(row, rank=compared.index(row.method) + 1 if row.method in compared else None) for row in found]


def _one(runs: Sequence[Run], agreement: float, seeds: float) -> Ranked:
    done = [run for run in runs if not run.error]
    names = (*METRICS, "share", "seconds")
    by_seed = {name: _by_seed(done, name) for name in names}
    pairs = dict.fromkeys(run.pair for run in runs)
    return Ranked(
        method=runs[0].method,
        source=runs[0].source,
        seen=", ".join(dict.fromkeys(run.seen for run in runs)),
        rank=None,
        means={name: _mean(values) for name, values in by_seed.items()},
        deviations={name: _deviation(values) for name, values in by_seed.items()},
        kappas={pair: _mean([_value(run, "kappa") for run in done if run.pair == pair]) for pair in pairs},
        shares={pair: _mean([_value(run, "share") for run in done if run.pair == pair]) for pair in pairs},
        unfair=frozenset(run.pair for run in runs if not run.fair),
        memory=_over([_value(run, "memory") for run in done], max),
        agreement=agreement,
        seeds=seeds,
        halves=_mean([_value(run, "halves") for run in done]),
        doubts=tuple(dict.fromkeys(doubt for run in done for doubt in run.doubts)),
        failed=len(runs) - len(done),
        runs=len(runs),
        reason=next((run.error for run in runs if run.error), ""),
    )


def _by_seed(runs: Sequence[Run], name: str) -> list[float]:
    """Mean over pairs of a figure, of each seed."""
    seeds = dict.fromkeys(run.seed for run in runs)
    return [_mean([_value(run, name) for run in runs if run.seed == seed]) for seed in seeds]


def _value(run: Run, name: str) -> float:
    value = run.figures.get(name)
    return np.nan if value is None else value


def _mean(values: Sequence[float]) -> float:
    return _over(values, lambda known: float(np.mean(known)))


def _deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample; NaN of fewer than two."""
    return _over(values, lambda known: float(np.std(known, ddof=1)) if len(known) > 1 else np.nan)


def _over(values: Sequence[float], of: Callable[[list[float]], float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return of(known) if known else np.nan
