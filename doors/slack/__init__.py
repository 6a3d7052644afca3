"""The Slack door, by noun: events, who reads what, channels and threads, messages, drafts, uploads, and the bot around them."""
