"""A local stand-in for every vendor, to try and test against, with faults on demand."""
