"""What tests have nodes of a cluster do; apart from them, since every worker imports it."""

import errno
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np


class Shared:
    """Stands for the trials of a search: an objective by name, and an array that they share."""

    rules = SimpleNamespace(max_epochs=6)

    def __init__(self, objective, folder=None):
        self.objective, self.folder, self.data = objective, folder, np.arange(300_000.0)

    def shared(self):
        return self

    def __call__(self, on_epoch):
        return lambda trial_id, choice: self.objective(self, on_epoch, trial_id, choice)


def parabola(shared, on_epoch, trial_id, choice):
    on_epoch(trial_id, 1, choice["x"])
    return {"loss": choice["x"] ** 2 + shared.data[1], "model": os.environ["OMP_NUM_THREADS"]}


def unlucky(shared, on_epoch, trial_id, choice):
    """The first trial kills its process once, the second always, the third fails."""
    mark = Path(shared.folder, str(trial_id))
    if trial_id == 1 or (trial_id == 0 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if trial_id == 2:
        raise ValueError("out of luck")
    stopped = next((epoch for epoch in range(1, 6) if on_epoch(trial_id, epoch, 0.0)), None)
    return {"loss": choice["x"] ** 2, "model": None, "stopped": stopped}


def full_disk(shared, on_epoch, trial_id, choice):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "logs")


def falling(shared, on_epoch, trial_id, choice):
    """Six epochs, whose loss falls by 0.01 each; as many as it may have."""
    losses = [abs(choice["x"]) - 0.01 * epoch for epoch in range(6)]
    run = next((epoch for epoch in range(1, 7) if on_epoch(trial_id, epoch, losses[epoch - 1])), 6)
    return {"loss": losses[run - 1], "model": None, "epochs": run}


def work(folder):
    """Leaves a file; the process of the second task ends itself."""
    Path(folder, f"{os.environ['OMP_NUM_THREADS']} {time.monotonic_ns()}").touch()
    if folder.endswith("b"):
        os.kill(os.getpid(), signal.SIGKILL)


def slow(shared, on_epoch, trial_id, choice):
    on_epoch(trial_id, 1, 0.0)
    time.sleep(1)
    return {"loss": choice["x"] ** 2, "model": None}
