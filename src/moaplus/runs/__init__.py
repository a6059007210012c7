"""One run <-> its files: training, checkpoints, evaluation; and the reference methods."""
