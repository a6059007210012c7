"""Pages of their own for some studies: a file for each, by the study's name."""
