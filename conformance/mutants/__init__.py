"""Mutants of the loaders' cores, made by tools of others, with the conformance suite as the only test."""
