"""The sandbox's HTTP interface."""
