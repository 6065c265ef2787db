"""The Siamese network, and what its layers need beyond Keras."""
