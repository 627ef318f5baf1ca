"""I2V-Bench: measure image-to-video models as the ConsistI2V paper (Ren et al., TMLR 07/2024) does."""

from pathlib import Path

__version__ = "0.1.0.dev0"

# In a checkout the sibling folders models/, metrics/, ... are subpackages of i2vbench; the wheel has them inside.
_root = Path(__file__).resolve().parent.parent
if (_root / "models" / "base.py").exists():
    __path__.append(str(_root))
