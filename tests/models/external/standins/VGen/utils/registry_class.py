import os

import torch


class Registry:
    def __init__(self, made=None):
        self.made, self.functions = made, {}

    def register_function(self):
        def keep(function):
            self.functions[function.__name__] = function
            return function

        return keep

    def build(self, config, **options):
        if "pretrained" in config:
            assert os.path.isfile(config["pretrained"]), config
        return self.functions[config["type"]](**options) if self.functions else self.made()


class UNetSD_I2VGen(torch.Module):
    pass


INFER_ENGINE, MODEL = Registry(), Registry(UNetSD_I2VGen)
EMBEDDER = AUTO_ENCODER = DIFFUSION = Registry(torch.Module)
