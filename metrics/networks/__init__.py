"""Networks the metrics look through, in plain PyTorch: one module each, with `load`, `preprocess` and a forward pass.

`load(state)` wants every tensor of the published checkpoint and gives the network in evaluation mode. `preprocess`
takes uint8 RGB frames to the network's input, on the device they are on. Networks of image features have
`look(network, frames)` too, from uint8 frames to features: so a profile can put one in another's place.
"""
