from .inference_i2vgen_entrance import *  # noqa: F403 - a function of the module's name comes over the module
