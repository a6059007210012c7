"""Measurements of the audit apart from training: a file for each table of results/probes."""
