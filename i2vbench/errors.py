"""The two exceptions that carry a sentence for the user instead of a traceback."""


class UserError(Exception):
    """A mistake the user can mend: what was expected, what was found, where, what to do.

    The command line prints the text as it is, without a traceback, and exits with 2.
    """


class NotApplicable(Exception):
    """Raised by a model for a request that its sample has nothing for (say, no reference clip).

    The clip is counted apart with the reason; it is not a failure.
    """
