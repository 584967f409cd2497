"""What several benchmark scripts share: models and indexes, workloads, timing, the machine, report files."""
