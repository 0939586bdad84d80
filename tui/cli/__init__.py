"""The command line: a file a command, and what they share.

Needs Textual only for the dashboard: each command imports what it needs when it runs.
"""
