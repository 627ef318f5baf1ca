"""What runs inside the environments of repositories; nothing here is imported by i2vbench."""
