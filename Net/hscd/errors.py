"""The one exception that means "what the user gave cannot be used"."""


class InputError(Exception):
    """A file, folder or setting that cannot be used.

    The message is one line that says what was wrong, what was expected and what to do; scripts print it without a
    traceback and exit with a status that is not 0.
    """
