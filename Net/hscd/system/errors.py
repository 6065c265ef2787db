"""The one exception that means "what the user gave cannot be used"."""


class InputError(ValueError):
    """A file, folder, setting or argument that cannot be used.

    The message says in one line what was wrong, what was expected and what to do (a configuration file gets one line a
    problem); scripts print it without a traceback and exit with a status that is not 0.
    """


def printable(text: str) -> str:
    """Text of a file, fit for a terminal: what cannot be shown is a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def counted(count: int, what: str) -> str:
    """How many there are, as "1 trial" and "3,000 trials"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def brief(text: object, length: int = 200) -> str:
    """Text of another program or of a file, fit for a message: one line, printable, not long."""
    line = printable(" ".join(str(text).split()))
    return line if len(line) <= length else f"{line[:length]}…"
