"""Embedders, one file a provider."""
