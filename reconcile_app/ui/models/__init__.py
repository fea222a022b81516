"""Frames as Qt models: prepared columns, index permutation, filters."""
