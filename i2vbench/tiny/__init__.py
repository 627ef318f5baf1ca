"""The networks of the tiny profile, and how each was trained: `i2vbench train-tiny`."""

from __future__ import annotations

RECIPES: dict[str, str] = {
    "dino": "i2vbench.tiny.dino:DINO",
    "clip": "i2vbench.tiny.clip:CLIP",
    "aesthetic": "i2vbench.tiny.aesthetic:Aesthetic",
    "viclip": "i2vbench.tiny.viclip:ViCLIP",
    "raft": "i2vbench.tiny.raft:RaftTiny",
    "amt": "i2vbench.tiny.amt:AmtTiny",
    "i3d": "i2vbench.tiny.i3d:I3D",
    "inception": "i2vbench.tiny.inception:Inception",
    "c3d": "i2vbench.tiny.c3d:C3D",
    "grit": "i2vbench.tiny.grit:TinyGRiT",
    "tag2text": "i2vbench.tiny.tag2text:TinyTag2Text",
    "vae": "i2vbench.tiny.vae:VAE",
    "consisti2v": "i2vbench.tiny.consisti2v:ConsistI2VTiny",
}
"""Module and class of every recipe, by name, in the order in which `train-tiny all` trains them."""
