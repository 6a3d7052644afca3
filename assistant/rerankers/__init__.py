"""Rerankers, one file a provider."""
