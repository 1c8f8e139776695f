"""Skeleton-based micro-gesture recognition: the library behind the workflow."""

__version__ = "0.2.0"
