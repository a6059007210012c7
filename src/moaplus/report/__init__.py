"""Tables, figures and verdicts: reads files, loads no model, imports no torch."""
