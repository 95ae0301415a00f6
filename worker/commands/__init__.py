"""The commands of `bellhop`, one file for each group, and `output`, how they all speak."""
