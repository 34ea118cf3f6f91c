"""Tables that are read from files, and results that are written."""
