"""The exceptions of this room."""

from i2vbench.errors import UserError


class Failed(UserError):
    """What a repository did not do, as a sentence for the reason of a clip."""


class Refused(Failed):
    """A request that cannot be handed to a repository; it was not called at all."""
