"""What a comparison recommends, read from its text in Markdown."""

from __future__ import annotations

from typing import NamedTuple

from hscd.reports.page.found import Run


class Recommended(NamedTuple):
    """Sentences; the command that makes the recommended map, "" for none, and what introduces it."""

    sentences: list[str]
    lead: str
    command: str


def recommendation(run: Run) -> Recommended:
    """What stands between the title of a comparison's text and its first table.

    That is a list, then a line and a block of code; texts of earlier versions have one paragraph.
    """
    sentences, lead, command = [], "", ""
    fenced = False
    for line in text(run).split("\n## ")[0].splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            command += line
        elif line.startswith("- "):
            sentences.append(line.removeprefix("- "))
        elif line and not line.startswith("#"):
            lead = line
    return (
        Recommended(sentences, lead, command) if command else Recommended([*sentences, *filter(None, [lead])], "", "")
    )


def text(run: Run) -> str:
    """The text of a comparison; "" of other runs."""
    path = run.output("comparison", "text")
    return "" if path is None else path.read_text(encoding="utf-8", errors="replace")
