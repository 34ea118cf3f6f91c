"""What pytest must not collect here: scripts, and what Sphinx has written."""

collect_ignore_glob = ["*.py", "_*", "auto_examples/*"]
