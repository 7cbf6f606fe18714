"""The Workbench: its parts, drawn in the page, and what they do."""
