"""Data that headstart can make by itself, offline, to be tried on."""
