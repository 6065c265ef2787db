"""What detectors share: random samples, band scaling, matrix products, Gaussian derivatives, moments."""
