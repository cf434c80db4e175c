"""A small bundle and ways to spoil it (spec/bundle/SPEC.md), each with the error that every reader reports."""
