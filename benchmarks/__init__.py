"""Benchmarks: one file each, printing ratios against peers or floors measured in the same run."""
