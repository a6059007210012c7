"""The learning rate along a training: a file for each schedule, by its name."""
