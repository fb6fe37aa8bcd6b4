"""The rulebook once more, slow and plain: whole-map scans in NumPy, nothing remembered between ticks.

It shares the parameters and the formulas of `territory.world.rules` (which have the real game's values as tests) with
the engine, and no other rule. The engine must agree with it bit for bit: `python -m tests.oracle --games 1000` plays
them side by side.
"""
