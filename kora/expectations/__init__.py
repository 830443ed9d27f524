"""Great Expectations beside the proof: a suite written from what a database holds, and its run against another.

KORA measures; Great Expectations judges the measurements, in a process of its own. A passed suite proves nothing that a
certificate says, and no verdict depends on it.
"""
