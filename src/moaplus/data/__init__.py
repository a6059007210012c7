"""Data: raw files, verified, and the images and labels of a selection."""
