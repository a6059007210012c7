"""The figures of the audit: a file for each."""
