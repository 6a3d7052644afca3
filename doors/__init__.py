"""The ways in: the command line, the server, and what they measure."""
