"""Training and prediction: compiled passes over pixel pairs."""
