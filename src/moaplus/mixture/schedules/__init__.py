"""Schedules of the learning rate: a file for each, named in params.yaml by its file."""
