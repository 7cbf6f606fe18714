"""Small tools every package may use: JSON, text, files, keywords, progress, HTML, colours."""
