"""All stored runs: a table, what can be done with them, and their words."""
