"""Numbers to verdicts: table, figures and scores; loads no model, imports no torch."""
