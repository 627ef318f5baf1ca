"""Image-to-video pipelines of the diffusers library: any of them, local or from the Hugging Face hub.

adapter.py          the harness
classes.py          what each class is told, and how
shapes.py           sizes and lengths, from configurations
known.py, .toml     published checkpoints with their authors' settings
options.py          what users may ask for beside
place.py            the files: which there are, which are missing, their hash
loading.py          into memory, safely
asking.py           a request becomes a call, its output frames
"""
