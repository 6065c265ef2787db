"""The commands of the program, and how a message suggests one: so that it works when it is pasted where the user is."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import config
from settings import Settings


class Command(NamedTuple):
    """A script, what it does, and what it is run with in place of what net.conf says."""

    script: str
    does: str
    overrides: tuple[str, ...] = ()


# So that the search of a distance is not asked for where nothing is trained.
_UNTRAINED = ("settings.training=False",)
COMMANDS = {
    "detect": Command("detect", "map what changed between two images"),
    "compare": Command("compare", "rank methods on data sets or on two images"),
    "sample": Command("sample", "draw points of a map to label; accuracy and area of change from them"),
    "inspect": Command("inspect_data", "show what every data set of net.conf holds"),
    "train": Command("main", "search for a model on train_set and train it", ("settings.training=True",)),
    "test": Command("main", "map test_set with a trained model, fine-tuned or not", _UNTRAINED),
    "pseudo-labels": Command("predutils", "make pseudo-labels of train_set", _UNTRAINED),
    "by-percentage": Command(
        "labelbyperc_generation", "map the best 10 %, 20 % … 90 % of the pseudo-labels", _UNTRAINED
    ),
    "by-neighborhood": Command("labelbyneigh_generation", "map pseudo-labels whose neighbours agree", _UNTRAINED),
    "report": Command("report", "write the pages of all runs anew from their files, or serve them"),
    "demo": Command("run_demo", "run everything on the demo data"),
}


def suggested(
    name: str, *words: str | Path, settings: Settings | None = None, sets: tuple[str, ...] = (), anywhere: bool = False
) -> str:
    """A command for the user to paste: of `hscd` where that is installed, else of the script.

    Args:
        name: one of `COMMANDS`.
        *words: its arguments; paths below the current folder are shortened.
        settings: those of the run, of a configuration file, which the command shall go by too; None for a command that
            reads none.
        sets: `SECTION.KEY=VALUE` texts in place of what these settings say.
        anywhere: whether it shall work in every folder, as on a page that is read later.
    """
    command = COMMANDS[name]
    script = config.NET_PATH / f"{command.script}.py"
    line = [*_installed(anywhere), name] if config.INSTALLED else [_python(anywhere), script]
    line += words
    if settings is not None:
        if settings.file.resolve() != config.DATA_CONFIG_PATH.resolve():
            line += ["--config", settings.file]
        forced = {_key(text): text for text in command.overrides}
        given = {_key(text): text for text in (*settings.overrides, *sets)}
        # What the command forces itself is left to it. Of two commands that share a script, that has to be told which.
        shared = not config.INSTALLED and command.script == COMMANDS["train"].script
        needed = {key: text for key, text in forced.items() if shared and not _holds(settings, text)}
        sets = tuple(({key: text for key, text in given.items() if key not in forced} | needed).values())
    line += [word for text in sets for word in ("--set", text)]
    return " ".join(shlex.quote(_shown(word, anywhere)) for word in line)


def _key(text: str) -> str:
    return text.partition("=")[0].strip().lower()


def _holds(settings: Settings, text: str) -> bool:
    """Whether settings say what an override of a command does."""
    key, _, value = text.partition("=")
    return str(getattr(settings, key.rpartition(".")[2])) == value


def _shown(word: str | Path, anywhere: bool) -> str:
    if isinstance(word, str):
        return word
    if anywhere:
        return str(word.absolute())
    here = Path.cwd()
    return str(word.relative_to(here) if word.is_relative_to(here) else word)


def _python(anywhere: bool) -> str | Path:
    """What starts the Python that runs: another one may lack the packages."""
    running = Path(sys.executable)
    found = shutil.which("python")
    usual = found is not None and not anywhere and Path(found).parent.samefile(running.parent)
    return "python" if usual else running


def _installed(anywhere: bool) -> list[str | Path]:
    return ["hscd"] if shutil.which("hscd") else [_python(anywhere), "-m", "hscd"]
