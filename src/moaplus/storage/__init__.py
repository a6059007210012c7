"""Files that are whole or absent, with arrays, tensors or tables; and the error for users."""
