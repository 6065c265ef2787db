"""What a transferred model gains from pseudo-labels of several sources (ten minutes).

A model is trained on the demo's place A, and fine-tuned on place B with pseudo-labels of each source and selection, as
`main.py` and `predutils.py` do it; no label of B is used but to judge. `python benchmarks/sources.py --seeds 1` runs a
part.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import measure
from run_demo import TRAIN, TRIALS
from settings import Settings, read_settings

# What makes the pseudo-labels, and the keys of [settings] that say so. Distances are those of the guide's way.
SOURCES: dict[str, dict[str, Any]] = {
    "Euclidean distance, rescaled": {"detector": "ED", "apply_rescaling": True},
    "spectral angle": {"detector": "SAM", "apply_rescaling": False},
    "context regression": {
        "detector": "context_regression", "threshold": "empirical_null", "correction": "none", "apply_rescaling": False,
    },
}  # fmt: skip
SELECTIONS: dict[str, dict[str, Any]] = {
    "all": {"fine_tuning": 0},
    "best 40 %": {"fine_tuning": 1},
    "neighbourhood, radius 3": {"fine_tuning": 2},
    "best 40 %, natural ratio, 5,000": {"fine_tuning": 1, "pseudo_natural_ratio": True, "pseudo_limit": 5000},
    "best 70 % and 85 %": {"fine_tuning": 1, "pseudo_percentage": 0.7, "pseudo_percentage_unchanged": 0.85},
}
SEEDS = 3

Figures = tuple[float, float, float | None]


def measured(settings: Settings) -> Iterator[tuple[str, str, Figures]]:
    """Source, selection, and (kappa, F1, agreement with the model as it was) before correction, of one seed."""
    import main
    import predutils

    trained = replace(settings, **TRAIN)
    _quietly(main.train, trained)
    yield "none", "no fine-tuning", _figures(_quietly(main.test, replace(trained, fine_tuning=-1)))
    for source, keys in SOURCES.items():
        made = replace(settings, train_set="DEMO B", **keys)
        yield source, "the pseudo-labels themselves", _figures(_quietly(predutils.generate, made))
        for selection, more in SELECTIONS.items():
            options = trained.options | {name: value for name, value in more.items() if name in trained.options}
            fields = {name: value for name, value in (keys | more).items() if name not in trained.options}
            tuned = replace(trained, **fields | {"options": options, "apply_rescaling": True})
            yield source, selection, _figures(_quietly(main.test, tuned))


def _quietly(stage: Any, settings: Settings) -> Settings:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        stage(settings)
    return settings


def _figures(settings: Settings) -> Figures:
    """Those of the run whose record is the newest."""
    record = max(settings.stat_path.glob("*_run.json"), key=lambda path: path.stat().st_mtime_ns)
    (row,) = json.loads(record.read_text(encoding="utf-8"))["results"].values()
    return row["kappa"], row["f1"], row.get("agreement_before_after")


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = range(parser.parse_args(arguments).seeds)
    found: defaultdict[tuple[str, str], list[Figures]] = defaultdict(list)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            places = {"model_path": Path(folder, "model"), "stat_path": Path(folder, "stat")}
            for path in places.values():
                path.mkdir()
            settings = replace(read_settings(measure.NET / "net.conf"), seed=seed, **places)
            searches = {name: replace(search, max_evals=TRIALS) for name, search in settings.searches.items()}
            place_b = replace(settings["DEMO B"], pseudo_path=Path(folder, "pseudo"))
            settings = replace(settings, searches=searches, data_sets=settings.data_sets | {"DEMO B": place_b})
            for source, selection, figures in measured(settings):
                found[source, selection].append(figures)
                print(f"seed {seed}: {source}, {selection}: {figures}", file=sys.stderr, flush=True)
    print(
        f"\n| pseudo-labels of place B, seeds 0 to {seeds[-1]} | selection | kappa | F1 | agreement before and after |"
    )
    print("|---|---|---|---|---|")
    for (source, selection), rows in found.items():
        cells = (_cell([value for value in values if value is not None]) for values in zip(*rows, strict=True))
        print(f"| {source} | {selection} | {' | '.join(cells)} |")


def _cell(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} … {max(values):.3f})" if values else ""


if __name__ == "__main__":
    main(sys.argv[1:])
