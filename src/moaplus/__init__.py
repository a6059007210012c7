"""A reproducible test of MoA+, a mixture of autoencoders trained with minimax weights."""
