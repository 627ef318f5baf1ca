"""Networks the metrics look through, in plain PyTorch: one module each, with `load`, `preprocess` and a forward pass.

`load(state)` wants every tensor of the published checkpoint and gives the network in evaluation mode. `preprocess`
takes uint8 RGB frames to the network's input, on the device they are on.
"""
