"""Frames become a panel, and forecasts become frames."""
