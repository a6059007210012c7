"""Reference methods: what an image is seen as, and what clusters that; a file each, by its name."""
