"""ConsistI2V: the networks, the parts around them, sampling and one step of training."""
