"""What the arithmetic of an encoder does to the decisions of a head behind it: `python -m bench.precision`."""
