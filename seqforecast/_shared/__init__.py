"""Used by all parts of the package, and imports none of them."""
