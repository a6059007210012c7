"""The multiverse: in how many protocols the paper holds, and which decision matters."""
