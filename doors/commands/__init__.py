"""The commands of `footnote`, by what they are about. doors/cli.py puts them in order."""
