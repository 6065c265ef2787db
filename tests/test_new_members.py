"""A new member of any family is one file, and goes through everything without another edit."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd

from conftest import CONFIGURATION, PROJECT, Workspace
from raster_scenes import opened

FILES = {
    "heads/cosine.py": '''
"""Cosine distance."""
from hscd.heads import register
from hscd.heads.formula import inner, namespace

@register("COS", margin=1.0, same_below=0.5)
def cosine_dist(x, y):
    xp = namespace(x)
    return 1 - inner(x, y, xp) / xp.sqrt(inner(x, x, xp) * inner(y, y, xp) + 1e-9)
''',
    "detectors/local.py": '''
"""How much the difference of a 3 x 3 window is off the mean difference of the scene."""
import numpy as np
from hscd.detectors import DETECTORS

@DETECTORS.register("local")
class Local:
    name, unit, halo, scale, degrees = "local", "deviations", 1, "linear", None

    def fit(self, scene, rng):
        total, count = 0.0, 0
        for window in scene.windows:  # a pass over the scene
            pairs = scene.pairs(window)
            total, count = total + (pairs[:, 1] - pairs[:, 0]).sum(axis=0, dtype=float), count + len(pairs)
        mean = total / count

        def score(block):
            off = ((block.pairs[:, :, 1] - block.pairs[:, :, 0] - mean) ** 2).sum(axis=2)
            (rows, columns), around = block.inner, np.pad(off, 1, mode="edge")
            means = sum(around[i : i + off.shape[0], j : j + off.shape[1]] for i in range(3) for j in range(3)) / 9
            return means[rows, columns]

        return score
''',
    "thresholds/quantile.py": '''
"""The score that a share of the pixels is above."""
import numpy as np
from hscd.registry import Option
from hscd.scores import Cut
from hscd.system import parsing
from hscd.thresholds import THRESHOLDS

SHARE = Option("changed_share", lambda text: parsing.number(text, 0, 1), "a number in ]0, 1[", 0.1)

@THRESHOLDS.register("quantile", SHARE)
def quantile(scores, changed_share, scale, degrees):
    return Cut(float(np.nanquantile(scores, 1 - changed_share)), ("a quantile knows nothing",))
''',
    "losses/neighbours.py": '''
"""Soft nearest neighbours: pairs of a class lie nearer to each other than to those of the other one."""
from hscd.losses import register
from hscd.registry import Option
from hscd.system import parsing

@register("neighbours", Option("temperature", lambda text: parsing.number(text, 0), "a number > 0", 1.0), of="batch")
def neighbours(labels, distances, embeddings, head, temperature):
    from hscd.system.backend import keras
    ops = keras.ops
    apart = ops.abs(distances[:, None] - distances[None]) / temperature
    near = ops.exp(-apart) * (1 - ops.eye(ops.shape(distances)[0]))
    labels = ops.cast(labels, "float32")
    same = ops.cast(ops.equal(labels[:, None], labels[None]), "float32")
    return -ops.log((ops.sum(near * same, axis=1) + 1e-3) / (ops.sum(near, axis=1) + 1e-3))
''',
    "branches/normalised.py": '''
"""One dense layer and batch normalisation, of a width that is searched for."""
from hscd.branches import BRANCHES, Branch, whole
from hscd.registry import Option
from hscd.system import parsing

class Normalised(Branch):
    parameters = (whole("width"),)

    def build(self, bands, parameters):
        from hscd.system.backend import keras
        inputs = keras.Input((bands,))
        x = keras.layers.Dense(parameters["width"], activation="relu", name="dense")(inputs)
        return keras.Model(inputs, keras.layers.BatchNormalization(name="norm")(x), name="branch")

    def shapes(self, bands, parameters):
        width = parameters["width"]
        return [(bands, width), (width,), (width,), (width,), (width,), (width,)]

    def space(self, choices):
        from hyperopt import hp
        return {"width": hp.choice("width", choices["widths"])}

BRANCHES.add("normalised", Normalised(), Option("widths", parsing.integers, "a Python list of integers"))
''',
    "search/engines/drawn.py": '''
"""Random choices, one trial after the other, of one learning rate."""
from hscd.registry import Option
from hscd.search.engines import ENGINES, Engine, finished
from hscd.search.runners import attempt
from hscd.system import parsing

@ENGINES.register("drawn", Option("one_rate", lambda text: parsing.number(text, 0), "a number > 0", 0.001))
class Drawn(Engine):
    def __init__(self, one_rate):
        self.one_rate = one_rate

    def search(self, task):
        import hyperopt
        import numpy as np

        objective, trials = task.trials(task.on_epoch), []
        for number in range(task.max_evals):
            entry, model = task.recorded.get(number), None
            if entry is None:
                rng = np.random.default_rng([task.seed, number])
                choice = hyperopt.pyll.stochastic.sample(task.space, rng=rng) | {"lr": self.one_rate}
                entry, model = finished(attempt(objective, number, choice), choice, {})
                task.on_trial(entry, model)
            trials.append(entry.trial)
        return trials
''',
    "selections/extremes.py": '''
"""A number of pixels of each class: those of the largest and of the smallest distances."""
import numpy as np
from hscd.registry import Option
from hscd.selections import SELECTIONS, Selection
from hscd.system import parsing

def select(pseudo, correct, *, of_each):
    order = np.argsort(pseudo["distances"])
    return np.concatenate([order[:of_each], order[-of_each:]]), np.repeat([1, 0], of_each)

OF_EACH = Option("of_each", lambda text: parsing.integer(text, 1), "an integer >= 1", 50)
SELECTIONS.add("extremes", Selection(9, "extremes", select, lambda of_each: f"extremes {of_each}"), OF_EACH)
''',
    "corrections/rim.py": '''
"""Nothing changes at the rim of a scene."""
from hscd.corrections import CORRECTIONS
from hscd.registry import Option
from hscd.system import parsing

@CORRECTIONS.register("rim", Option("rim", lambda text: parsing.integer(text, 1), "an integer >= 1", 1))
def rim(labels, scores, radius, rim):
    corrected = labels.copy()
    corrected[:rim] = corrected[-rim:] = corrected[:, :rim] = corrected[:, -rim:] = 1
    return corrected
''',
    "kinds/brightness.py": '''
"""Brighter and darker."""
from hscd.kinds import KINDS, Told
from hscd.registry import Option
from hscd.system import parsing

@KINDS.register("brightness", Option("kinds_step", parsing.number, "a number", 0.0))
def brightness(changes, rng, kinds_step):
    return Told(lambda pairs: (pairs[:, 1].mean(1) > pairs[:, 0].mean(1) + kinds_step).astype(int), 2, ("only two",))
''',
}
# What a folder in the package would be: each file is looked for beside those of its family.
RUN = """
import importlib, json, sys
for family in {families!r}:
    importlib.import_module("hscd." + family.replace("/", ".")).__path__.append(sys.argv[1] + "/" + family)
for script, *overrides in json.loads(sys.argv[3]):
    arguments = [word for override in overrides for word in ("--set", override)]
    status = importlib.import_module(script).main(["--config", sys.argv[2], *arguments])
    assert status == 0, (script, status)
"""
OTHERS = [
    "settings.distance=COS", "settings.network=normalised", "settings.loss=neighbours", "settings.temperature=0.5",
    "settings.detector=local", "settings.threshold=quantile", "settings.changed_share=0.15", "settings.workers=1",
    "settings.model_name=NEW", "settings.test_set=PLACE A", "settings.engine=drawn", "settings.one_rate=0.004",
    "settings.correction=rim", "settings.rim=9", "settings.kinds=brightness", "settings.kinds_step=100",
]  # fmt: skip
SECTION = "\n[hyperas settings COS]\nbatch_size = [64]\nwidths = [6]\nmax_evals = 2\n"


def test_a_file_each_goes_through_configuration_search_fine_tuning_test_and_report(tmp_path):
    for name, text in FILES.items():
        file = tmp_path / "new" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    space = Workspace(tmp_path / "space", CONFIGURATION + SECTION)
    space.write_data()
    runs = [
        ["predutils", *OTHERS],
        ["main", *OTHERS, "settings.training=True"],
        ["main", *OTHERS, "settings.training=False", "settings.fine_tuning=9", "settings.of_each=60"],
    ]
    driver = RUN.format(families=[name.rpartition("/")[0] for name in FILES])
    done = subprocess.run(
        [sys.executable, "-c", driver, str(tmp_path / "new"), str(space.file), json.dumps(runs)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT / "Net")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning: [PLACE A] town: a quantile knows nothing" in done.stderr
    stat = space.folder / "stat"
    # 15 % of 600 pixels.
    pseudo = pd.read_csv(stat / "PLACE A_town_local_pseudo_rescaling_True.csv").iloc[0]
    assert abs(pseudo["true_positives_num"] + pseudo["false_positives_num"] - 90) <= 60  # of the known ones
    assert pseudo["kappa"] > 0.3
    # What is 9 pixels from the border, 2 × 12 of 20 × 30, is left.
    corrected = pd.read_csv(stat / "PLACE A_town_local_pseudo_rescaling_True_corrected.csv").iloc[0]
    assert corrected["true_positives_num"] + corrected["false_positives_num"] <= 24
    for prefix in ("PLACE A_town_local_pseudo_rescaling_True", "PLACE A_town_on_NEW_extremes 60"):
        with opened(stat / f"{prefix}_corrected.tif") as change, opened(stat / f"{prefix}_kinds.tif") as kinds:
            np.testing.assert_array_equal(kinds.read(1) > 0, change.read(1) > 0)
    assert done.stderr.count("warning: town: only two") == 2
    trials = pd.read_csv(stat / "NEW_stats.csv")
    assert list(trials["status"]) == ["ok", "ok"]
    assert list(trials["width"]) == [6, 6]
    assert list(trials["learning_rate"]) == [0.004, 0.004]
    test = pd.read_csv(stat / "PLACE A_town_on_NEW_extremes 60.csv").iloc[0]
    assert test["pseudo_qty"] == 120
    assert test["ft_epochs"] >= test["ft_best_epoch"] >= 1
    assert test["true_positives_num_correction"] + test["false_positives_num_correction"] <= 24
    record = json.loads((stat / "PLACE A_on_NEW_extremes 60_run.json").read_text(encoding="utf-8"))
    assert (record["settings"]["loss"], record["settings"]["engine"]) == ("neighbours", "drawn")
    assert record["settings"]["options"]["temperature"] == 0.5
    assert record["results"]["town"]["kappa"] == test["kappa"]
