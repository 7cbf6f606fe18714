"""Benchmarks of scenecart and of similar packages; run with ``make bench``."""
