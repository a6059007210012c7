"""Mixtures with varying concentrations, bounds, scores and intervals: arrays in, arrays out."""
