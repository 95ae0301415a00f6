"""The security figures: what was tried against a real Bellhop, and what held; `python -m security`."""
