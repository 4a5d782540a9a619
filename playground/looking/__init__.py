"""What a trained model does: its text as it is written, and its inside, as plain data."""
