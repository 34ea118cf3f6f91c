"""Training on windows: the skorch net, its steps and batches, units, what a checkpoint holds."""
