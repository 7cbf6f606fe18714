"""Where the sandbox's captures come from, and where its state is kept."""
