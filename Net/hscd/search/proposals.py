"""What the trials of a search try: Hyperopt's proposals, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hyperopt
import numpy as np

from hscd.records import Trial


class Proposals:
    """What the trials of a search try, as `hyperopt.fmin` would have it with its TPE."""

    def __init__(self, space: dict[str, Any], seed: int) -> None:
        self._space = space
        self._domain = hyperopt.base.Domain(None, space, pass_expr_memo_ctrl=False)
        self._known = hyperopt.Trials()
        self._random = np.random.default_rng(seed)
        self._proposed: list[dict[str, Any]] = []

    def next(self) -> dict[str, Any]:
        """The choice of the next trial."""
        number = len(self._proposed)
        [document] = hyperopt.tpe.suggest([number], self._domain, self._known, self._draw(), verbose=False)
        self._proposed.append(document)
        return hyperopt.space_eval(self._space, self.values(number))

    def repeat(self, values: Mapping[str, Any]) -> None:
        """Have the next trial be one of these values."""
        self._draw()
        number = len(self._proposed)
        places: dict[str, Any] = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {name: [number] for name in values},
            "vals": {name: [value] for name, value in values.items()},
        }
        self._proposed += self._known.new_trial_docs([number], [None], [self._domain.new_result()], [places])

    def values(self, number: int) -> dict[str, Any]:
        """Hyperopt's values of a trial's choice."""
        return {name: value[0] for name, value in self._proposed[number]["misc"]["vals"].items() if value}

    def _draw(self) -> int:
        """The seed of one proposal."""
        return int(self._random.integers(2**31 - 1))

    def learn(self, trial: Trial) -> None:
        """Take the result of a trial into account from now on."""
        document = self._proposed[trial.trial_id]
        document["state"] = hyperopt.JOB_STATE_DONE
        document["result"] = {"status": trial.status}
        if not trial.error:
            document["result"]["loss"] = trial.report["loss"]
        self._known.insert_trial_doc(document)
        self._known.refresh()
