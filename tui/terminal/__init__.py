"""The terminal itself: what it can show, and what is sent to it."""
