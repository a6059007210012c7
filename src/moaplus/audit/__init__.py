"""The mathematics of the paper, tested: what is measured, and the page that tells it."""
