"""`footnote chat`: a conversation in the terminal. conversation.py keeps it; the screens show it, in colour or plainly."""
