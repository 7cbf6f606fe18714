"""Downloads of delivered items and files."""
