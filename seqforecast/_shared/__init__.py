"""What every part of the package uses, and what knows nothing of the rest."""
