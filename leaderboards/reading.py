"""What stands on the boards: the paper's models, and the submissions that were accepted."""

from i2vbench.leaderboards.folders.read import accepted, read_entry
from i2vbench.leaderboards.paper import published_entries

__all__ = ["accepted", "published_entries", "read_entry"]
