"""The metrics of Section 5.2 as `torchmetrics.Metric` classes, for training loops and the processes they run in.

The networks, the preprocessing and the formulas are those of fvd.py, fid.py, inception_score.py and clipsim.py, so the
numbers are the benchmark's, whatever the batch, the autocast around the call and the number of processes.

The network of a metric is no submodule: it is in no checkpoint of the model that is trained, among no parameters, and
in no cast. It moves with the metric from device to device. Sums are float64; a device that has none (Apple's MPS)
runs the network, and the sums stay on the CPU.
"""

from i2vbench.metrics.training_loops.distances import FrechetFrameDistance, FrechetVideoDistance
from i2vbench.metrics.training_loops.scores import CLIPSimilarity, VideoInceptionScore

__all__ = ["CLIPSimilarity", "FrechetFrameDistance", "FrechetVideoDistance", "VideoInceptionScore"]
