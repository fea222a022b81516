"""Pages, panels and dialogs of the window."""
