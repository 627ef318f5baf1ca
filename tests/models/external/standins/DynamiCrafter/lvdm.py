import torch


class LatentVisualDiffusion(torch.Module):
    pass


def instantiate_from_config(config):
    assert config.target == "lvdm.LatentVisualDiffusion"
    return LatentVisualDiffusion()
