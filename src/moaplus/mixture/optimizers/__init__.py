"""Update rules of the weights: a file for each, named in params.yaml by its file."""
