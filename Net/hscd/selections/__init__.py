"""Which pseudo-labels to trust; one file each."""
