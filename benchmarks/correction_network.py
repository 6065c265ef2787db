"""Whether a correction network on embeddings helps the classifier behind it (half an hour).

`python benchmarks correction_network` writes res/correction_network.md: synthetic embeddings of set difficulty, of
which the best that can be reached is known, and embeddings of branches that were trained in several ways. To run a
part, which writes nothing without `--write`:

    python benchmarks/correction_network.py --seeds 1 --places demo_a
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import measure
import scenes
import validation
from hscd.evaluation.confusion import Confusion, confusion
from losses import NETWORK
from synthetic_embeddings import CASES, VARIED, Items
from validation import SHARES, TEST, TRAIN

RESULTS = measure.FOLDER.parent / "res" / "correction_network.md"
SEEDS, JOBS = 5, 2
# Labelled pixels of a scene that are learned from, and judged, at most; epochs of a branch.
PIXELS, PIXELS_JUDGED, BRANCH_EPOCHS = 3000, 10_000, 8
# Epochs of a branch that is trained further.
FEW_EPOCHS, MANY_EPOCHS = 3, 16
STARTS = ("spectra", "nothing", "autoencoder", "Siamese", "triplet")
SYNTHETIC, VARIANTS = "synthetic embeddings", "another way, means 3 apart"
PLACES = {"demo_a": "demo_b", "taizhou": None}
# What comes after this line of the file is written anew, what stands before it is not.
FIGURES = "## Figures\n\n"
# Confusions by how was classified.
Found = dict[str, Confusion]
_REGRESSION = "logistic_regression"


class Row(NamedTuple):
    """Confusions of one seed, and kappa of the branch that is trained further, after few and after many epochs."""

    found: Found
    further: Sequence[float] = ()


def variants() -> dict[str, dict[str, Any]]:
    """Arguments of a fit, by what is done another way than with soft nearest neighbours of temperature .1."""
    from hscd.learn import embedding_correction as learn

    return {
        "soft nearest neighbours, T = 1 (a divisor that cancels)": {"loss": _temperature_one},
        "contrastive": {"loss": learn.contrastive},
        "sigmoid contrastive": {"loss": learn.sigmoid_contrastive},
        "moving statistics keep .99 a step, as Keras' do": {"momentum": 0.99},
        "3 epochs": {"epochs": 3},
        "3 epochs, moving statistics keep .99 a step": {"epochs": 3, "momentum": 0.99},
    }


def _temperature_one(labels: Any, embeddings: Any) -> Any:
    from hscd.learn.embedding_correction import soft_nearest_neighbour

    return soft_nearest_neighbour(labels, embeddings, temperature=1.0)


# --- before and after ------------------------------------------------------------------------------------------------


def compared(learned: Items, tests: Mapping[str, Items], seed: int, **choices: Any) -> dict[str, Found]:
    """Confusions on each set that is judged, by how it was classified; that of "seen" is on what was learned from."""
    from hscd.learn.embedding_correction import CLASSIFIERS, corrected, fitted

    embeddings, labels = learned
    before = {name: make().fit(embeddings, labels) for name, make in CLASSIFIERS.items()}
    model = fitted(embeddings, labels, seed=seed, **choices)
    better = corrected(model, embeddings)
    after = {name: CLASSIFIERS[name]().fit(better, labels) for name in (_REGRESSION, "neighbours")}
    first, second = np.array_split(np.random.default_rng(seed).permutation(len(labels)), 2)
    of_half = fitted(embeddings[first], labels[first], seed=seed, **choices)
    rest = CLASSIFIERS[_REGRESSION]().fit(corrected(of_half, embeddings[second]), labels[second])
    found = {}
    for name, (judged, truth) in tests.items():
        now, mixed = corrected(model, judged), np.random.default_rng(seed).permutation(len(truth))
        in_batches = np.empty_like(now)
        in_batches[mixed] = corrected(model, judged[mixed], batch_statistics=True)
        as_they_lie = corrected(model, judged, batch_statistics=True)
        answers = {f"before, {kind}": of.predict(judged) for kind, of in before.items()}
        answers |= {f"after, {kind}": of.predict(now) for kind, of in after.items()}
        answers["other half"] = rest.predict(corrected(of_half, judged))
        answers["not retrained"] = before[_REGRESSION].predict(now)
        answers["batch, mixed"] = after[_REGRESSION].predict(in_batches)
        answers["batch, as they lie"] = after[_REGRESSION].predict(as_they_lie)
        found[name] = {way: confusion(answer, truth) for way, answer in answers.items()}
        found[name]["seen"] = confusion(after[_REGRESSION].predict(better), labels)
    return found


# --- branches of scenes ----------------------------------------------------------------------------------------------


def started(start: str, pairs: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    """A network whose branch was trained in one way on pixel pairs; None for no network at all."""
    import siamese
    from hscd.learn import pretraining, training
    from hscd.networks.siamese import build_net
    from hscd.pretraining import PRETRAININGS

    if start == "spectra":
        return None
    name = "autoencoder" if start == "autoencoder" else "none"
    chosen = {option.name: option.default for option in PRETRAININGS.options(name)} | {"pretraining": name}
    loss = "triplet" if start == "triplet" else "contrastive"
    parameters = {**NETWORK, **chosen, "score_function": "ED", "margin": 1.0, "loss": loss}
    model = build_net(pairs.shape[2:], parameters, seed=seed)
    pretraining.start(model, parameters, pairs, seed=seed)
    if start in ("Siamese", "triplet"):
        rules = replace(siamese.training_rules(), max_epochs=BRANCH_EPOCHS)
        parts = training.stratified_split(labels, seed, rules.validation_share)
        training.fit(model, pairs, labels, *parts, rules=rules, batch_size=NETWORK["batch_size"], seed=seed)
    return model


def trained_further(model: Any, learned: Items, tests: Mapping[str, Items], seed: int) -> dict[str, list[float]]:
    """The branch as a classifier, by cross-entropy: its kappa on each set after a few and after many epochs."""
    import siamese
    from hscd.learn import training
    from hscd.learn.optimizers import Adam
    from hscd.networks.siamese import headed

    parameters = {"score_function": "ED", "margin": 1.0, "loss": "binary_crossentropy"}
    tuned = headed(model.get_layer("branch"), parameters, Adam(NETWORK["lr"]))
    rules = replace(siamese.training_rules(), max_epochs=MANY_EPOCHS)
    parts = training.stratified_split(learned[1], seed, rules.validation_share)
    found = defaultdict(list)

    def judge(epoch: int, _: Any) -> None:
        if epoch in (FEW_EPOCHS, MANY_EPOCHS):
            for title, of in tests.items():
                found[title].append(siamese.judge(tuned, *of)[0].kappa)

    told = [training.TellEpochs(judge)]
    batch_size = NETWORK["batch_size"]
    training.fit(tuned, *learned, *parts, rules=rules, batch_size=batch_size, seed=seed, callbacks=told)
    return found


def pixels(name: str, seed: int) -> tuple[Items, dict[str, Items]]:
    """Pixel pairs of a scene to learn from, those of blocks held out, and those of another place; row by row."""
    scene, rng = validation.rescaled(name, seed), np.random.default_rng(seed)
    parts = validation.divided(scene, np.ones(scene.truth.shape, bool), SHARES, rng)
    chosen = [(f"{name}, blocks held out", scene, parts == TEST, PIXELS_JUDGED)]
    if PLACES[name]:
        there = validation.rescaled(PLACES[name], seed)
        chosen.append((PLACES[name], there, np.ones(there.truth.shape, bool), PIXELS_JUDGED))
    learned, *tests = (
        _taken(of, among, most, rng) for _, of, among, most in [("", scene, parts == TRAIN, PIXELS), *chosen]
    )
    return learned, {title: of for (title, *_), of in zip(chosen, tests, strict=True)}


def _taken(scene: Any, among: np.ndarray, most: int, rng: np.random.Generator) -> Items:
    positions, labels = validation.labelled(scene, among, rng)
    kept = np.sort(rng.permutation(len(labels))[:most])
    return scene.take(positions[kept]), labels[kept]


def of_place(name: str, seed: int) -> dict[str, Row]:
    """Of each start on each set."""
    from hscd.learn.embedding_correction import change_embeddings

    (pairs, labels), tests = pixels(name, seed)
    found = {}
    for start in STARTS:
        model = started(start, pairs, labels, seed)

        def embedded(of: np.ndarray, model: Any = model) -> np.ndarray:
            return change_embeddings(model.get_layer("branch"), of) if model else np.abs(of[:, 1] - of[:, 0])

        sets = {title: (embedded(of), truth) for title, (of, truth) in tests.items()}
        confusions = compared((embedded(pairs), labels), sets, seed)
        kappas = trained_further(model, (pairs, labels), tests, seed) if model else {}
        for title in tests:
            found[f"{title}, {start}"] = Row(confusions[title], kappas.get(title, [math.nan] * 2))
    return found


def of_case(number: int, seed: int) -> dict[str, Row]:
    """Of a case of the synthetic embeddings, or of a variant beyond them."""
    if number < len(CASES):
        case, choices = CASES[number], {}
        title = case.title
    else:
        case, (title, choices) = VARIED, list(variants().items())[number - len(CASES)]
    learned, judged = case.sets(seed)
    return {title: Row(compared(learned, {"": judged}, seed, **choices)[""])}


# --- tables ----------------------------------------------------------------------------------------------------------

COLUMNS = {
    "before, logistic_regression": "before: logistic regression", "before, neighbours": "nearest neighbours",
    "before, perceptron": "perceptron", "after, logistic_regression": "after: logistic regression",
    "after, neighbours": "nearest neighbours", "seen": "on what was learned from",
    "other half": "half fits, half is learned from",
    "not retrained": "not retrained", "batch, mixed": "batch statistics, mixed",
    "batch, as they lie": "batch statistics, as they lie",
}  # fmt: skip


def table(first: str, rows: Mapping[str, Sequence[Row]], figure: str, more: Mapping[str, Callable[[str], str]]) -> str:
    """Means over seeds as Markdown, the gain of logistic regression with its deviation and the seeds that have one.

    Args:
        first: head of the first column.
        rows: of each seed, by title.
        figure: of a confusion.
        more: further columns, from the title of a row to its cell.
    """
    head = [first, *COLUMNS.values(), "gain of logistic regression (seeds)", *more]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for title, seeds in rows.items():
        values = {way: np.array([getattr(row.found[way], figure) for row in seeds]) for way in COLUMNS}
        gain = values[f"after, {_REGRESSION}"] - values[f"before, {_REGRESSION}"]
        cells = [title, *(f"{np.mean(of):.3f}" for of in values.values())]
        cells.append(f"{gain.mean():+.3f} ± {gain.std():.3f} ({np.count_nonzero(gain > 0)} of {len(gain)})")
        lines.append(f"| {' | '.join([*cells, *(cell(title) for cell in more.values())])} |")
    return "\n".join(lines) + "\n"


def table_of(part: str, rows: Mapping[str, Sequence[Row]]) -> str:
    """The table of a part: of the synthetic embeddings, of the variants, or of a place."""
    if part not in PLACES:
        best = {case.title: f"{case.best():.3f}" for case in (*CASES, VARIED)}
        more = {"best possible": lambda title: best.get(title, best[VARIED.title])}
        return table(f"{part}: accuracy", rows, "overall_accuracy", more)

    def f1(title: str) -> str:
        ways = (f"{when}, {_REGRESSION}" for when in ("before", "after"))
        return " → ".join(f"{np.mean([row.found[way].f1 for row in rows[title]]):.3f}" for way in ways)

    def further(number: int, title: str) -> str:
        return f"{np.mean([row.further[number] for row in rows[title]]):.3f}".replace("nan", "–")

    trained = {
        f"branch trained further, {epochs} epochs": partial(further, number)
        for number, epochs in enumerate((FEW_EPOCHS, MANY_EPOCHS))
    }
    return table(f"{part}: kappa", rows, "kappa", {"F1 before → after": f1, **trained})


def measured(places: Sequence[str], seeds: int, jobs: int, synthetic: bool) -> Iterator[tuple[str, dict]]:
    """Part by part its rows of all seeds, by title; some processes at a time."""
    cases = range(len(CASES) + len(variants())) if synthetic else ()
    tasks = [(SYNTHETIC if number < len(CASES) else VARIANTS, of_case, number) for number in cases]
    tasks += [(name, of_place, name) for name in places]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        runs = [(part, pool.submit(work, of, seed)) for part, work, of in tasks for seed in range(seeds)]
        for part, group in itertools.groupby(runs, key=lambda run: run[0]):
            rows: dict[str, list[Row]] = {}
            for _, run in group:
                for title, row in run.result().items():
                    rows.setdefault(title, []).append(row)
                print(part, *list(rows)[-1:], file=sys.stderr, flush=True)
            yield part, rows


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", default=",".join(name for name in PLACES if name in scenes.available()))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--no-synthetic", action="store_true")
    parser.add_argument("--write", action="store_true", help="the parts that are measured, of these seeds")
    options = parser.parse_args(arguments)
    places = [name for name in options.places.split(",") if name]
    for part, rows in measured(places, options.seeds, options.jobs, not options.no_synthetic):
        found = table_of(part, rows)
        print(found, flush=True)
        if options.write or not arguments:
            write(part, found)


def write(part: str, text: str) -> None:
    """Put the table of a part in its place among the figures; what is told before them, and other parts, stay."""
    told, _, figures = (RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "").partition(FIGURES)
    texts = {one.partition(":")[0].removeprefix("| "): one.strip() for one in figures.split("\n\n") if one.strip()}
    texts[part] = text.strip()
    ordered = [texts[name] for name in (SYNTHETIC, VARIANTS, *PLACES) if name in texts]
    RESULTS.write_text(told + FIGURES + "\n\n".join(ordered) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
