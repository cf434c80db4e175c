"""Benchmarks: what is compared, how it is measured, and the pages made from it."""
