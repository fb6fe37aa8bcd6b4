"""The rulebook once more, slow and plain: whole-map scans in NumPy, nothing remembered between ticks.

It shares the formulas of `territory.world.rules` and the sizes of `territory.world.params` with the engine, and no
other rule. The engine must agree with it bit for bit; `python -m tests.oracle --games 1000` plays them side by side.
"""
