"""Differential fuzzing: the same mutated pair of files goes to every loader, and every answer must be the same.

The mutator knows ZIP, NPY and JSON through the byte writers of `conformance/`, and shares no code with a loader. Input i of a seed is a
function of the two numbers alone.
"""
