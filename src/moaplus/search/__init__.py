"""A search for a protocol under which the paper's table comes out: docs/search.md."""
