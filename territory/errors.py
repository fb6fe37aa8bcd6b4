"""The one exception for mistakes a user can make; the command line prints it without a traceback."""

LONGEST = 1500  # characters of a message


class BadInput(ValueError):
    """A value from outside cannot be used.

    The message says what was expected, what it got, and the likely cause. Where what it got is thousands of characters
    long, its middle is left out.
    """

    def __init__(self, message: object = ""):
        text = str(message)
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST - 500]} … {text[-400:]}")
