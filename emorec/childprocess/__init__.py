"""Child processes that handle untrusted input: started with an emptied environment, held to limits, never believed.

The parent uses ``process`` and ``forkserver``, the child ``child`` and ``limits``; both sides share ``messages``.
"""
