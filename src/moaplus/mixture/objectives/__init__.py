"""Objectives, or training losses: a file for each, named in params.yaml by its file."""
