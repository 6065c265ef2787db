"""What an earlier run left: its record, and the files that this has of a pair."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pair_finding import PairFiles
from pipeline.run_record import RunRecord
from settings import Settings


def leave(
    path: Path,
    command: str,
    settings: Settings | Mapping[str, Any],
    pair: str,
    names: Mapping[str, Sequence[str]],
    images: PairFiles | None = None,
) -> None:
    """Leave the record of a run at a path, and beside it the files of a pair by the part of the results.

    Args:
        path: of the record.
        command: that was run.
        settings: as of `RunRecord`; of several data sets, those of `train_set`.
        pair: the files are of, and the one result.
        names: of the files, by part.
        images: what the run read.
    """
    path.parent.mkdir(exist_ok=True)
    record = RunRecord(command, settings, [settings.train_set] if isinstance(settings, Settings) else [])
    if images is not None:
        record.add_inputs([images])
    record.add_result(pair, {})
    for part, of_part in names.items():
        for name in of_part:
            path.with_name(name).write_text("of a program", encoding="utf-8")
        record.add_written(pair, part, [path.with_name(name) for name in of_part])
    record.write(path, [])
