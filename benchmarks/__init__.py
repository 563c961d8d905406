"""What is measured: `python -m benchmarks` prints a table and writes `results.json`, a list of `Figure`s."""
