"""flup's modules are those of gateways.compat.flup: this takes their place, and leaves it to them."""

import sys

import gateways.compat.flup

del sys.modules[__name__]
gateways.compat.flup.install()
sys.modules[__name__] = gateways.compat.flup
