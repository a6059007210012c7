"""From raw files that are verified to the images and labels of a selection."""
