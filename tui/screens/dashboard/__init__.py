"""The dashboard: one run, live."""
