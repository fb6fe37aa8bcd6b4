"""The one exception for mistakes a user can make; the command line prints it without a traceback."""


class BadInput(ValueError):
    """A value from outside cannot be used.

    The message says what was expected, what came, and the likely cause.
    """
