"""Names of other gateways that programs import, on this engine: flup, flipflop, Django's ``runfcgi``.

Nothing else in this project imports from here.
"""
