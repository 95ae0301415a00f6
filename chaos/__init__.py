"""The chaos suite: real Redis, real workers, the sandbox as vendor and referee; `python -m chaos`.

Each row of its table breaks something under load and then counts, at the receiver, what was lost and what came twice.
"""
