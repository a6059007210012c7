"""The mixture of autoencoders and its training: tensors in, weights and a history out."""
