"""Webhooks: what is signed, whom it may reach, how it is sent and when again."""
