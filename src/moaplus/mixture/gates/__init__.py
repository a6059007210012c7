"""Gates: networks that say whose image it is, a file each."""
