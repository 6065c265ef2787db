"""Branch networks: the part of a Siamese network that both images go through with the same weights."""
