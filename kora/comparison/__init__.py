"""One comparison: what is declared about it, what the two sides hold, and how they differ."""
