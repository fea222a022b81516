"""Steps from one form of the workspace database to the next."""
