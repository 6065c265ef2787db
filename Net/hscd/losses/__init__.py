"""Losses on distances of pixel pairs; labels are 0 changed, 1 unchanged."""
