"""The window. Knows core and the controller, nothing of the network or of files."""
