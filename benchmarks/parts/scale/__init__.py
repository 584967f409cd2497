"""What the benchmarks of large and distributed indexes share: made vectors, exact answers, Ray, processor time."""
