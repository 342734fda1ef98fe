"""Measurements: ``./dev bench`` compares with the peers, ``tests.bench.import_time`` weighs the imports."""
