from .inferences import *  # noqa: F403
