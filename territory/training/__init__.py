"""Proximal policy optimisation of our own: its parts are small pure functions, its loop reads top to bottom.

``config`` what a run is trained with · ``rollout`` what was seen · ``advantages`` and ``losses`` the mathematics ·
``ppo`` the loop · ``checkpoint`` the files · ``run`` the folder of a run · ``agent`` and ``evaluate`` what comes out.
"""
