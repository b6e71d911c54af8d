"""Statistical tests on moments."""
