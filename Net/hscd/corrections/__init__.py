"""What a pixel's neighbours say about its label; one file each."""
