"""Causal discovery: estimators that learn a graph from a table."""
