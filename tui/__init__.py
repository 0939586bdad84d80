"""The terminal: command line, Textual app, screens and widgets. Never touches a tensor."""
