"""What a forecast is computed from, in numpy alone."""
