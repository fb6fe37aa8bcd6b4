"""What was found out with the package: one question a file, ``python -m studies.NAME`` policies_and_values it.

Each writes what it measured into ``territory/data/NAME.json``, which ``territory.load_study(NAME)`` reads. The findings
are told in ``studies/README.md``.
"""
