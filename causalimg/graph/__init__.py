"""Causal graphs: the record, background knowledge, queries, distances, files."""
