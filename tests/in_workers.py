"""Objectives of the trials that tests run in worker processes; apart from them, since every worker imports it."""

import errno
import os
import signal
import tempfile
import time

from hscd.system import lean


def parabola(on_epoch):
    """Tells of one epoch, and returns its process and whether Keras would be imported lean there."""

    def objective(trial_id, choice):
        on_epoch(trial_id, 1, choice["x"])
        return {"loss": choice["x"] ** 2, "model": (os.getpid(), lean._own)}

    return objective


def mortal(on_epoch):
    """The first trial kills its process, the second fails."""

    def objective(trial_id, choice):
        if trial_id == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial_id == 1:
            raise ValueError("out of luck")
        return {"loss": choice["x"] ** 2, "model": None}

    return objective


def unmakeable(on_epoch):
    raise RuntimeError("no objective")


def slow_in_turn(on_epoch):
    """Every second trial takes longer, so that trials finish out of their order."""

    def objective(trial_id, choice):
        time.sleep(0.1 * (trial_id % 2))
        return {"loss": (choice["x"] - 0.3) ** 2, "model": None}

    return objective


def endless(on_epoch):
    def objective(trial_id, choice):
        on_epoch(trial_id, 1, float(os.getpid()))
        time.sleep(600)

    return objective


def obedient(on_epoch):
    """Ten epochs, or as many as it may have."""

    def objective(trial_id, choice):
        stopped = next((epoch for epoch in range(1, 11) if on_epoch(trial_id, epoch, choice["x"])), None)
        return {"loss": choice["x"] ** 2, "model": None, "stopped": stopped}

    return objective


def wordy(on_epoch):
    """A trial that fails as TensorFlow does, after it left a file behind."""

    def objective(trial_id, choice):
        tempfile.mkstemp()
        raise RuntimeError("Graph execution error:\n\nDetected at node\n  File x")

    return objective


def full_disk(on_epoch):
    def objective(trial_id, choice):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "logs")

    return objective


def sleeping_while_it_is_made(on_epoch):
    """What takes long is the start, as the import of TensorFlow does."""
    on_epoch(0, 1, float(os.getpid()))
    time.sleep(600)
