"""Images, and pairs of them, window by window."""
