"""What memlab's looking costs, beside its peers and the kernel's floor, measured in one run."""
