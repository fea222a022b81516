"""The real engine, recovery, watch list and undo under whatever sequence of steps hypothesis thinks of."""
