"""Reconcile: makes sure that what was provisioned is what gets invoiced."""

__version__ = "0.1.0"
