"""Fitting: one model of all series, its regressor, seasons, weights and intervals."""
