"""What the audit measures apart from training: a file for each table of results/probes."""
