"""Which method to take, and why, in plain sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hscd.evaluation.comparison import LEAST_PAIRS, Difference
from hscd.evaluation.confusion import CHANCE_KAPPA
from hscd.evaluation.ranking import STABLE, Ranked
from hscd.system.errors import counted

# Corrected p from which on a difference may be chance.
LEVEL = 0.05
# Pictures, and methods, that are named each.
_NAMED = 3


class Advice(NamedTuple):
    """The method to take, None for none of them, and what is said of it."""

    method: str | None
    sentences: list[str]


def by_labels(rows: Sequence[Ranked], differences: Mapping[str, Difference], pairs: int) -> Advice:
    """Which method to take where labels judge.

    Args:
        rows: the methods, best first.
        differences: of each other method to the best one.
        pairs: how many pairs of images have labels of both classes.
    """
    best = next((row for row in rows if row.comparable and np.isfinite(row.means["kappa"])), None)
    if best is None:
        return Advice(None, ["No method can be recommended: none ran on all pairs with a defined kappa."])
    sentences = [f"Take {best.method}: it has the highest mean kappa, {best.means['kappa']:z.3f}, on {_pairs(pairs)}."]
    sentences += _differing(rows, best, differences)
    if best.means["kappa"] < CHANCE_KAPPA:
        sentences.append("Even so, its kappa is hardly better than chance: none of these methods works here.")
    if pairs < LEAST_PAIRS:
        sentences.append(
            f"With {_pairs(pairs)} this says nothing about other scenes: a test over pairs needs {LEAST_PAIRS} or more."
        )
    elif differences:
        told = [name for name, of in differences.items() if of.rank_p is not None and of.rank_p < LEVEL]
        of_them = "each" if len(told) == len(differences) else f"{len(told) or 'none'}"
        sentences.append(
            f"Taken as a sample of scenes, these pairs tell it from {of_them} of the other {len(differences)} "
            "(signed-rank test)."
        )
    sentences.append(
        "Its kappa is that of the winner, chosen by these labels, so expect a little less on the next scene."
    )
    unfair = [row.method for row in rows if not row.fair]
    if unfair:
        was = "was trained on what it is judged by here and has" if len(unfair) == 1 else (
            "were trained on what they are judged by here and have"
        )  # fmt: skip
        sentences.append(f"{_listed(unfair)} {was} no part in the ranking.")
    sentences += _doubts(best, rows)
    return Advice(best.method, sentences)


def _differing(rows: Sequence[Ranked], best: Ranked, differences: Mapping[str, Difference]) -> list[str]:
    """Which methods the best one is told apart from."""
    alike = [name for name, of in differences.items() if of.p >= LEVEL]
    worse = [name for name in differences if name not in alike]
    sentences = []
    if alike:
        sentences.append(
            f"{_listed(alike)} {'is' if len(alike) == 1 else 'are'} not distinguishable from it: the difference may be "
            f"chance (block bootstrap, corrected p of {LEVEL} or more)."
        )
        fastest = min(
            (row for row in rows if row.method in (best.method, *alike)), key=lambda row: row.means["seconds"]
        )
        if fastest is not best:
            sentences.append(f"Of these, {fastest.method} is the fastest, {fastest.means['seconds']:.1f} s.")
    if worse:
        others = _listed(worse) if len(worse) <= _NAMED else f"the other {len(worse)}"
        sentences.append(f"It is better than {others} by more than chance, on this ground.")
    return sentences


def without_labels(rows: Sequence[Ranked], default: str, pictures: Sequence[str]) -> Advice:
    """Which method to take where no label judges: the default one, unless this scene speaks against it.

    Args:
        rows: the methods, of those that nothing speaks against the most consistent first.
        default: the detector that does best with one setting on scenes with labels.
        pictures: names of the files that show the maps side by side, at least one.
    """
    sentences = ["There are no labels, so nothing here says how accurate a map is."]
    against = {row.method: row.against for row in rows if row.against is not None}
    usual = [row for row in rows if row.source == default]
    sound = [row for row in rows if row.method not in against]
    chosen = next((row for row in (*usual, *sound) if row in sound), None)
    if chosen is None:
        sentences.append("No method can be recommended.")
    else:
        why = "of the methods whose maps are neither implausible nor unstable here, its maps are the most consistent"
        if chosen.source == default:
            why = "it has the default detector, which does best on the labelled scenes that it was developed on "
            why += "(res/accuracy.md), and its maps are neither implausible nor unstable here"
        sentences.append(f"Take {chosen.method}: {why}.")
        if chosen is not rows[0]:
            sentences.append(
                "That counts more than its place in the table, whose order is that of consistency: maps may be alike "
                "and wrong."
            )
        sentences.append(f"It calls {_share(chosen)} changed{_facts(chosen)}.")
    for reason in dict.fromkeys(reason for reason, _ in against.values()):
        which = [f"{name}{detail}" for name, (of, detail) in against.items() if of == reason]
        sentences.append(f"Doubtful here, {reason}: {_listed(which)}.")
    if chosen is not None:
        if chosen.agreement < STABLE:
            shown = _listed(pictures) if len(pictures) <= _NAMED else f"{pictures[0]} and the others like it"
            sentences.append(
                f"Its maps agree little with those of the others, so look at {shown} before you trust them."
            )
        sentences += _doubts(chosen, rows)
    return Advice(None if chosen is None else chosen.method, sentences)


def _doubts(row: Ranked, rows: Sequence[Ranked]) -> list[str]:
    """What was doubted of its maps, of runs whose figures differ that of the first; how many of all `rows` are, too."""
    alike = {re.sub(r"\d+(\.\d+)?", "#", doubt): doubt for doubt in reversed(row.doubts)}
    told = [f"A doubt about {row.method} remains: {doubt}" for doubt in reversed(alike.values())]
    others = sum(bool(other.doubts) for other in rows if other is not row)
    if told and others:
        told[-1] += f"; maps of {others} of the other {counted(len(rows) - 1, 'method')} are doubted, too"
    return [f"{sentence}." for sentence in told]


def _share(row: Ranked) -> str:
    shares = [100 * share for share in row.shares.values()]
    if len(shares) == 1:
        return f"{shares[0]:.2f} % of the pixels"
    return f"{min(shares):.2f} to {max(shares):.2f} % of the pixels of a pair"


def _facts(row: Ranked) -> str:
    named = (
        ("mean kappa with the maps of the others {:z.3f}", row.agreement),
        ("between seeds {:z.3f}", row.seeds),
        ("between the whole and its two halves mapped alone {:z.3f}", row.halves),
    )
    facts = [text.format(value) for text, value in named if np.isfinite(value)]
    return f"; {', '.join(facts)}" if facts else ""


def _pairs(count: int) -> str:
    return f"{counted(count, 'labelled pair')}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
