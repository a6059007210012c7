"""An audit of the paper's mathematics: measurements, and the page that reports them."""
