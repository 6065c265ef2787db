"""Which method to take, and why, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hscd.evaluation.comparison import LEAST_PAIRS, Difference
from hscd.evaluation.confusion import CHANCE_KAPPA, PLAUSIBLE_SHARE
from hscd.evaluation.ranking import Ranked

# Corrected p from which on a difference may be chance.
LEVEL = 0.05
# Kappa between two maps of one method that is too little to rely on it.
STABLE = 0.5


def by_labels(rows: Sequence[Ranked], differences: Mapping[str, Difference], corrected: Mapping[str, float],
              pairs: int) -> list[str]:  # fmt: skip
    """Sentences on which method to take where labels judge.

    Args:
        rows: the methods, best first.
        differences: of each other method to the best one.
        corrected: p of these, corrected for their number.
        pairs: how many pairs of images have labels of both classes.
    """
    best = next((row for row in rows if row.comparable and np.isfinite(row.means["kappa"])), None)
    if best is None:
        return ["No method can be recommended: none ran on all pairs with a defined kappa."]
    said = [f"Take {best.method}: it has the highest mean kappa, {best.means['kappa']:.3f}, on {_pairs(pairs)}."]
    alike = [name for name in differences if corrected[name] >= LEVEL]
    rest = len(differences) - len(alike)
    if alike:
        fastest = min(
            (row for row in rows if row.method in (best.method, *alike)), key=lambda row: row.means["seconds"]
        )
        said.append(
            f"{_listed(alike)} {'is' if len(alike) == 1 else 'are'} not told apart from it: the difference may be "
            "chance (block bootstrap, corrected p of 0.05 or more)."
        )
        if fastest is not best:
            said.append(f"Of these, {fastest.method} is the fastest, {fastest.means['seconds']:.1f} s.")
    if rest:
        said.append(f"It is better than the other {rest} by more than chance, on this ground.")
    if best.means["kappa"] < CHANCE_KAPPA:
        said.append("Even so, its kappa is hardly better than chance: none of these methods works here.")
    if pairs < LEAST_PAIRS:
        said.append(
            f"With {_pairs(pairs)} this says nothing of other scenes: a test over pairs needs {LEAST_PAIRS} or more."
        )
    said.append("Its kappa is that of the winner, chosen by these labels, so expect a little less on the next scene.")
    unfair = [row.method for row in rows if not row.fair]
    if unfair:
        said.append(f"{_listed(unfair)} was trained on what it is judged by here and has no part in the ranking.")
    return said


def without_labels(rows: Sequence[Ranked], default: str) -> list[str]:
    """Sentences on which method to take where no label judges: the default one, unless this scene speaks against it.

    Args:
        rows: the methods, the most consistent first.
        default: the detector that does best with one setting on scenes with labels.
    """
    said = ["There are no labels, so nothing here says how accurate a map is."]
    against = {row.method: _against(row) for row in rows}
    usual = [row for row in rows if row.source == default]
    sound = [row for row in rows if not against[row.method]]
    chosen = next((row for row in usual if row in sound), None) or next(iter(sound), None)
    if chosen is None:
        return [
            *said,
            "No method can be recommended: " + "; ".join(f"{row.method}: {against[row.method]}" for row in rows),
        ]
    if chosen.source == default:
        said.append(
            f"Take {chosen.method}: it is the default, as it does best on scenes with labels (res/accuracy.md), and "
            "nothing here speaks against it."
        )
    else:
        why = f"{usual[0].method}, the default, is out: {against[usual[0].method]}. " if usual else ""
        said.append(
            f"{why}Take {chosen.method}: of the methods that nothing speaks against, its maps are the most consistent."
        )
    said.append(f"It calls {_share(chosen)} changed{_facts(chosen)}.")
    out = [f"{row.method}: {against[row.method]}" for row in rows if against[row.method] and row is not chosen]
    if out:
        said.append(f"Doubtful here: {'; '.join(out)}.")
    if np.isfinite(chosen.agreement) and chosen.agreement < STABLE:
        said.append("The methods disagree with each other, so look at the maps side by side before you trust any.")
    for doubt in chosen.doubts:
        said.append(f"A doubt about it remains: {doubt}.")
    return said


def _against(row: Ranked) -> str:
    """What speaks against a method where no label judges; empty if nothing does."""
    if row.failed:
        return f"failed in {row.failed} of {row.runs} runs"
    shares = [share for share in row.shares.values() if np.isfinite(share)]
    if not shares or min(shares) == 0:
        return "finds no change at all on some pair" if shares else "gives no map"
    if max(shares) > PLAUSIBLE_SHARE:
        return f"calls {100 * max(shares):.0f} % changed, which is rare"
    if row.seeds < STABLE:
        return f"its maps of different seeds disagree, kappa {row.seeds:.2f}"
    if row.halves < STABLE:
        return f"its map hangs on what else is in the image: kappa {row.halves:.2f} with that of both halves alone"
    return ""


def _share(row: Ranked) -> str:
    shares = [100 * share for share in row.shares.values()]
    if len(shares) == 1:
        return f"{shares[0]:.2f} % of the pixels"
    return f"{min(shares):.2f} to {max(shares):.2f} % of the pixels of a pair"


def _facts(row: Ranked) -> str:
    named = (
        ("mean kappa with the maps of the others {:.2f}", row.agreement),
        ("between seeds {:.2f}", row.seeds),
        ("between the whole and its two halves mapped alone {:.2f}", row.halves),
    )
    facts = [text.format(value) for text, value in named if np.isfinite(value)]
    return f"; {', '.join(facts)}" if facts else ""


def _pairs(count: int) -> str:
    return f"{count} labelled {'pair' if count == 1 else 'pairs'}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
