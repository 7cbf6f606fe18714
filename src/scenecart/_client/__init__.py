"""What a client can do, by topic; `client.py` makes one class of it."""
