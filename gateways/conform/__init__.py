"""Protocol cases against any backend, over a real socket: what ``gateways conform`` runs.

Each protocol has a module of numbered cases (``cases_fastcgi.py``), which are data: what is sent, what is right, and
the conditions by which that is told. ``runner.py`` plays them.
"""
