"""Training ConsistI2V: the paper's Section 5.1 and Appendix A.2, on accelerate.

config.py       what a training run is asked for: train.toml (an example with every setting lies beside it)
objective.py    one step's loss: eq. 9-10, the epsilon objective on the generated frames
clips.py        where clips come from: a `folder` data set, or WebVid's jsonl
data.py         which frames of which clip sample number n is
inflate.py      an image U-Net of Stable Diffusion 2.1-base becomes the video U-Net's beginning
loop.py         the steps; checkpoints.py, log.py and validation.py are its parts
"""
