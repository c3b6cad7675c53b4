"""Child processes that handle untrusted input: started with few environment
variables, limited in what they may use, and not trusted.

The parent uses ``process`` and ``forkserver``, the child ``child`` and ``limits``; both sides share ``messages``.
"""
