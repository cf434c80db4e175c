"""Scoring and loading, side by side with other ways to keep and score a classifier: `make bench`."""
