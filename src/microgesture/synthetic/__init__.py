"""The embedded data set: a seated speaker, simulated in 3-D and seen by a detector."""
