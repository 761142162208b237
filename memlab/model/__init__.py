"""What the kernel's records mean: types, kinds, samples, recordings, verdicts. No I/O."""
