"""What users hand in, of any library, becomes numpy arrays and pandas frames."""
