"""From params.yaml to studies, runs and their paths."""
