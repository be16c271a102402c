"""Real architectures with random weights, exported by both of torch's exporters."""
