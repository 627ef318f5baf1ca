"""`i2vbench data curate`: from a plan to a data set, in named stages that can be stopped and gone on with."""
