from torch import manual_seed as seed_everything  # noqa: F401
