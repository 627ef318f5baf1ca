import os

from torch import Module


class AutoencoderKL(Module):
    @classmethod
    def from_pretrained(cls, path, subfolder):
        assert os.path.isdir(path), path
        return cls()
