"""Generators, one file a provider."""
