"""Image-to-video models: one module or folder per generator (see base.py for the contract)."""
