"""What a regressor and whoever hands it rows know of stopping early."""

ENOUGH_WINDOWS = 500
"""From so many windows on ``early_stopping="auto"`` of the recurrent regressors holds some out."""
