"""The experts: a file for each architecture, named in params.yaml by its file."""
