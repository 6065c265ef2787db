"""Thresholds that split scores into changed and unchanged without labels; one file each."""
