"""What compare.py is worth where there are no labels: its recommendations, judged by labels that it did not get.

`python benchmarks unlabelled` compares all detectors on the real scenes with labels and without, and prints, of each
scene, kappa of the recommended method and mean kappa of those that nothing and that something spoke against, and the
rank correlation of kappa with what stands for it. The scenes are the ones that the default method was developed on, so
its own kappa here is no news; how doubtful methods compare with the others is.
"""

from __future__ import annotations

import contextlib
import csv
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import data_sets
import scenes
from hscd.detection import UNSUPERVISED


def _compared(folder: Path, data: str, labelled: bool) -> dict[str, dict[str, str]]:
    """The ranking of a scene by method."""
    import compare

    file, out = folder / f"{labelled}.conf", folder / f"{data}_{labelled}"
    file.write_text(data_sets.configuration([data], folder, labelled=labelled), encoding="utf-8")
    arguments = ["--quiet", "--config", str(file), "--data", data, "--seeds", "1", "--out", str(out)]
    with contextlib.redirect_stdout(sys.stderr):
        status = compare.main(arguments)
    if status:
        raise SystemExit(status)
    with (out / "ranking.csv").open(encoding="utf-8", newline="") as rows:
        return {row["method"]: row for row in csv.DictReader(rows)}


def row_of(name: str, judged: Mapping[str, Mapping[str, str]], blind: Mapping[str, Mapping[str, str]]) -> str:
    """A row of the table: one scene."""
    from scipy.stats import spearmanr

    kappas = {method: float(row["kappa"]) for method, row in judged.items()}
    taken = next((method for method in blind if blind[method]["recommended"] == "True"), "")
    groups = [[kappas[method] for method, row in blind.items() if bool(row["against"]) is doubted and
               not method.startswith(UNSUPERVISED["detector"])] for doubted in (False, True)]  # fmt: skip
    means = [f"{np.mean(group):.3f} ({len(group)})" if group else "–" for group in groups]
    order = list(kappas)
    correlations = [
        spearmanr([kappas[method] for method in order], [float(blind[method][what] or 0) for method in order])[0]
        for what in ("stability_halves", "agreement")
    ]
    cells = [f"{taken} {kappas[taken]:.3f}" if taken else "none", f"{max(kappas.values()):.3f}", *means]
    return f"| {name} | {' | '.join(cells)} | {' | '.join(f'{value:+.2f}' for value in correlations)} |"


def main() -> None:
    print(
        "| scene | recommended, kappa | best | others: nothing against (how many) | doubtful | ρ halves | ρ agreement |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for data in (name for name in ("taizhou", *scenes.CITIES) if name in scenes.available()):
            print(row_of(data, *(_compared(Path(name), data, labelled) for labelled in (True, False))), flush=True)


if __name__ == "__main__":
    sys.exit(main())
