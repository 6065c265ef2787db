"""No pre-training: a branch starts from random weights."""

from hscd.pretraining import NONE, PRETRAININGS

PRETRAININGS.add(NONE, None)
