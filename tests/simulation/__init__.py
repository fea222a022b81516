"""The deterministic simulation: one seed is a world, an operator, other users, faults of the wire and crashes, on virtual time.

The real engine, connector, HTTP client and journal run in it; ``checker`` judges them by the ledger and shares no code with them.
"""
