"""Modules that are run in processes of their own; the first argument is the monotonic time at which the process was started."""
