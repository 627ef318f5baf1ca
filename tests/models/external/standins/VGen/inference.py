"""VGen's entry script as a stand-in."""

from tools import *  # noqa: F403
from utils.config import Config
from utils.registry_class import INFER_ENGINE

if __name__ == "__main__":
    settings = Config()
    INFER_ENGINE.build({"type": settings.TASK_TYPE}, cfg_update=settings.cfg_dict)
