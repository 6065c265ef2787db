"""What a fine-tuning under control gains: a model of the demo's place A on place B (`python benchmarks fine_tuning`).

Each row fine-tunes the same model of a seed on pseudo-labels of B, in which no label of B has a part: rescaled
Euclidean distances cut by Otsu's threshold; by agreement, those of five members that see half of the bands each.
`python benchmarks/fine_tuning.py --seeds 1 --epochs 5` runs a part.
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
from run_demo import TRAIN
from settings import Settings, read_settings
from settings.learning import LearningSettings

SEEDS, TRIALS, EPOCHS = 3, 2, 12
# Keys of [settings], and those of `LearningSettings`.
BY_NEIGHBOURS: dict[str, Any] = {"fine_tuning": 2}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no fine-tuning": ({"fine_tuning": -1}, {}),
    "as it was trained, on all": ({"fine_tuning": 0}, {}),
    "as it was trained, by neighbourhood": (BY_NEIGHBOURS, {}),
    "a tenth of the rate": (BY_NEIGHBOURS, {"ft_learning_rate": 1e-4}),
    "two layers frozen": (BY_NEIGHBOURS, {"ft_freeze": 2}),
    "two layers frozen, then released at 1e-4": (BY_NEIGHBOURS, {"ft_freeze": 2, "ft_release_learning_rate": 1e-4}),
    "three rounds": (BY_NEIGHBOURS, {"ft_rounds": 3}),
    "balanced batches": (BY_NEIGHBOURS, {"sampling": "balanced"}),
    "altered spectra (gain .1, noise .1, bands .1)": (
        BY_NEIGHBOURS, {"augment_gain": 0.1, "augment_noise": 0.1, "augment_bands": 0.1},
    ),
    "momentum, cosine": (BY_NEIGHBOURS, {"ft_optimizer": "sgd", "ft_schedule": "cosine"}),
    "by agreement": ({"fine_tuning": 3}, {}),
    "by agreement, three rounds": ({"fine_tuning": 3}, {"ft_rounds": 3}),
}  # fmt: skip
RIVALS = "logistic_regression", "naive_bayes"

Figures = tuple[float, float]


def measured(settings: Settings) -> Iterator[tuple[str, Figures]]:
    """What was done, and kappa and F1 before correction, of one seed."""
    import main
    import predutils

    trained = replace(settings, **TRAIN)
    _quietly(main.train, trained)
    made = replace(settings, train_set="DEMO B", detector="ED", ensemble=5, ensemble_bands=0.5)
    votes = replace(made["DEMO B"], pseudo_path=made["DEMO B"].pseudo_path / "votes")
    made_together = replace(made, data_sets=made.data_sets | {"DEMO B": votes})
    yield "pseudo-labels of five parts of the bands", _figures(_quietly(predutils.generate, made_together))
    yield "pseudo-labels", _figures(_quietly(predutils.generate, replace(made, ensemble=1, ensemble_bands=1.0)))
    for name, (keys, learning) in WAYS.items():
        of = made_together if keys["fine_tuning"] == 3 else settings
        tuned = replace(trained, data_sets=of.data_sets, learning=LearningSettings(**learning), **keys)
        yield name, _figures(_quietly(main.test, tuned))
    for rival in RIVALS:
        for chosen in (BY_NEIGHBOURS, {"fine_tuning": 3}):
            of = made_together if chosen["fine_tuning"] == 3 else settings
            learning_settings = LearningSettings(ft_rival=rival, ft_epochs=1)
            tuned = replace(trained, data_sets=of.data_sets, learning=learning_settings, **chosen)
            title = f"rival {rival.replace('_', ' ')}, {'agreement' if of is made_together else 'neighbourhood'}"
            yield title, _figures(_quietly(main.test, tuned), "rival")


def _quietly(stage: Any, settings: Settings) -> Settings:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        stage(settings)
    return settings


def _figures(settings: Settings, of: str | None = None) -> Figures:
    """Those of the run whose record is the newest, or of a part of it."""
    record = max(settings.stat_path.glob("*_run.json"), key=lambda path: path.stat().st_mtime_ns)
    (row,) = json.loads(record.read_text(encoding="utf-8"))["results"].values()
    row = row if of is None else row[of]
    return row["kappa"], row["f1"]


def main(arguments: Sequence[str] = ()) -> None:
    import config

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of a training or fine-tuning, at most")
    options = parser.parse_args(arguments)
    config.MAX_EPOCHS = options.epochs
    found: defaultdict[str, list[Figures]] = defaultdict(list)
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            settings = _in_folder(replace(read_settings(measure.NET / "net.conf"), seed=seed), Path(folder))
            for title, figures in measured(settings):
                found[title].append(figures)
                print(f"seed {seed}: {title}: {figures}", file=sys.stderr, flush=True)
    print(f"\n| on place B, {options.seeds} seeds, {options.epochs} epochs at most | kappa | F1 |")
    print("|---|---|---|")
    for title, rows in found.items():
        cells = (f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in zip(*rows, strict=True))
        print(f"| {title} | {' | '.join(cells)} |")


def _in_folder(settings: Settings, folder: Path) -> Settings:
    """The settings with all results in a folder, and a search of few trials."""
    places = {"model_path": folder / "model", "stat_path": folder / "stat"}
    for path in (*places.values(), folder / "pseudo" / "votes"):
        path.mkdir(parents=True)
    place_b = replace(settings["DEMO B"], pseudo_path=folder / "pseudo")
    searches = {name: replace(search, max_evals=TRIALS) for name, search in settings.searches.items()}
    return replace(settings, searches=searches, data_sets=settings.data_sets | {"DEMO B": place_b}, workers=1, **places)


if __name__ == "__main__":
    main(sys.argv[1:])
