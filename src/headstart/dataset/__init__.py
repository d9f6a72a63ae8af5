"""Folders and tables become samples; samples become sides that share no group."""
