"""results/audit.md: each mathematical claim of the paper, how tested, and what came out."""
