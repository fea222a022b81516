"""One file per foreign system, and the one client they all speak through."""
