"""Sequences per second and peak memory of encoders, side by side in one run: `python -m bench.encode`."""
