"""First frames that are not the data set's own: made from the prompts, or pictures made elsewhere (`--first-frame`)."""
