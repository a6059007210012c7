"""Architectures of experts: a file for each, named in params.yaml by its file."""
