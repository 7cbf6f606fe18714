"""What scenecart's claims of speed rest on. Run with ``make bench``."""
