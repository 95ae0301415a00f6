"""Bellhop's settings and logging."""
