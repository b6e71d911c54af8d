"""The records that are tables, and what is computed from a table alone."""
