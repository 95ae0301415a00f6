"""How fast Bellhop is, as ratios in one run: `make bench`, or `python -m benchmarks` (docs/performance.md)."""
