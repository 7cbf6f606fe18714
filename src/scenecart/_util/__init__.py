"""Shared helpers: checks of arguments, JSON, text, files, progress, HTML, colours."""
