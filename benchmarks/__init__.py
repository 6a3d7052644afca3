"""Measurements, each one command: `python -m benchmarks.NAME`. Ratios of one run, since machines differ."""
