"""What training minimises: a file for each objective, named in params.yaml by its file."""
