"""What a comparison of rows cannot see: the same questions asked of both sides, and digests of what they answer.

Nothing here writes to the databases that are compared. What cannot be decided is called `not_decidable`, with why.
"""
