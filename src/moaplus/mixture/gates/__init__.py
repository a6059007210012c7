"""Gates, which route images to experts: a file for each, named in params.yaml by its file."""
