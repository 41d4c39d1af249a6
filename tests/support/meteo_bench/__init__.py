"""Benchmarks of a deployed platform."""
