"""The configuration file ``gateways.toml``, and the plan of a start: the master and its pools with their settings.

plan.py      file, variables and flags become a ``Plan``; every refusal says where and what is allowed
tomlfile.py  reads the file, and tells the line of each key
toplevel.py  its tables: [gateways] and [pool.NAME]
lines.py     finds keys in the text of a TOML file
checks.py    settings that contradict each other
"""

from __future__ import annotations

from gateways.config.plan import Plan, PoolPlan, choose_file, load_plan, read_plan

__all__ = ["Plan", "PoolPlan", "choose_file", "load_plan", "read_plan"]
