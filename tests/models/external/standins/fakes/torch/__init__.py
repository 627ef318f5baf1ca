"""As much of torch as the stand-ins call: a global generator for each device, and checkpoints that are JSON."""

import json
from types import SimpleNamespace

import numpy

_generators = {"cpu": numpy.random.RandomState(), "cuda": numpy.random.RandomState()}


def manual_seed(seed):
    for generator in _generators.values():
        generator.seed(seed)


def randn(*shape, device="cpu"):
    return _generators[device].standard_normal(shape)


def load(path, map_location=None):
    with open(path) as file:
        return json.load(file)


def set_grad_enabled(mode):
    pass


cuda = SimpleNamespace(is_available=lambda: False, empty_cache=lambda: None)


class Module:
    """A network: made anew it draws its weights, as torch's do, on the CPU."""

    def __init__(self):
        from standin import record

        randn(7)
        self.state = None
        record(made=type(self).__name__)

    def to(self, *args, **options):
        return self

    cuda = eval = to

    def load_state_dict(self, state, strict=True):
        assert state, "no weights"
        self.state = state
