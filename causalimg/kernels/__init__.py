"""Array kernels of the continuous structure learners: losses, acyclicity, order search, lasso."""
