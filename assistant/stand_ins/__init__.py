"""What `assistant.testing` offers, one file a stand-in."""
