"""What warnings mean: each entry is of a warning that the program gives, and of each there is an answer."""

import re

from conftest import PROJECT
from hscd.reports.page.advice import ADVICE, advice

SOURCES = [path for path in (PROJECT / "Net").rglob("*.py") if path.name != "advice.py"]


def test_words_are_those_of_warnings() -> None:
    # Texts of several lines are put together.
    text = "\n".join(re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8")) for path in SOURCES)
    assert [words for words in ADVICE if words not in text] == []


def test_a_warning_gets_what_is_known_of_it() -> None:
    assert "inverse" in advice("town: kappa -0.2: no better than chance; check the map").do
    different = "the images have little in common (the rank correlation between the dates is 0.03 at most)"
    assert "flipped, rotated or under cloud" in advice(different).do
    assert "brighter or darker" in advice("the light changed from place to place, which was corrected; areas of").means
    assert advice("something new").means.startswith("The program guessed")
