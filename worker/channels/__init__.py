"""The channels, one small file each; `CHANNELS` is the list of them, kept by hand."""
