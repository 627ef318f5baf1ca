"""ConsistI2V-tiny: the small networks that come with i2vbench, and the folder that they are laid out in.

How they were trained is in `i2vbench.tiny`. Nothing heavy is imported here.
"""

VAE = "tiny_vae"
FULL, NO_TEMPORAL, NO_CONDITIONING = "tiny_unet", "tiny_unet_no_temporal", "tiny_unet_no_conditioning"
UNETS = (FULL, NO_TEMPORAL, NO_CONDITIONING)
"""What the catalogue calls them."""
