"""How right a map is, against labels."""
