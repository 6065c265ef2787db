"""The program's constants: change one, and the program goes by it (labels and codes aside, which others rely on).

What a run does is said in net.conf; `settings` reads it.
"""

from __future__ import annotations

from pathlib import Path

from hscd.heads import HEADS
from hscd.labels import CHANGED as CHANGED
from hscd.labels import UNCHANGED as UNCHANGED
from hscd.labels import UNKNOWN as UNKNOWN

# --- places ----------------------------------------------------------------------------------------------------------

NET_PATH = Path(__file__).resolve().parent
# Whether the program is installed as a package, so that its scripts are the commands of `hscd`.
INSTALLED = NET_PATH.name == "_program"
# Where net.conf and all that is made lie: here, or in the current folder.
WORK_PATH = Path.cwd() if INSTALLED else NET_PATH
# The configuration file where no other is given.
DATA_CONFIG_PATH = WORK_PATH / "net.conf"
# Where the demo data is made.
DATA_PATH = WORK_PATH / "data"
# Where models and results are saved if the configuration file names no model_path and stat_path. A folder in
# WORK_PATH stands for the same one beside whatever configuration file is used.
MODEL_PATH = WORK_PATH / "model"
STAT_PATH = WORK_PATH / "stat"

# --- training --------------------------------------------------------------------------------------------------------

# Where the keys seed and max_evals are not given.
SEED = 0
MAX_EVALS = 30
# When a training ends, of a trial as well as in fine-tuning, and the share of its pairs that is held out to judge by.
MAX_EPOCHS = 150
MIN_DELTA = 1e-4
PATIENCE = 10
VALIDATION_SPLIT = 0.2
# Distance beyond which a changed pair adds nothing to the loss, by the distance's name.
MARGINS = {name: head.margin for name, head in HEADS.items()}

# Where the key parts divides a data set: pixels that are so near to another part are in none.
PARTS_GUARD = 2

# --- pseudo-labels ---------------------------------------------------------------------------------------------------

CORRECTION_RADIUS = 3  # the centre counted: 5 × 5 pixels
# Values of the key fine_tuning.
NO_FINE_TUNING, ALL_PSEUDO_LABELS, BY_PERCENTAGE, BY_NEIGHBORHOOD, BY_AGREEMENT = -1, 0, 1, 2, 3
