"""Detectors: what gives each pixel a score that grows with change; one file each."""
