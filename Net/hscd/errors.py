"""The one exception that means "what the user gave cannot be used"."""


class InputError(Exception):
    """A file, folder or setting that cannot be used.

    The message says in one line what was wrong, what was expected and what to do (a configuration file gets one line a
    problem); scripts print it without a traceback and exit with a status that is not 0.
    """
