"""Decisions: frames, values and pure functions. No Qt, no network, no files."""
