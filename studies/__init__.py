"""What was found out with the package: one question a file, ``python -m studies.NAME`` answers it.

Each writes what it measured into ``territory/data/NAME.json``, which ``territory.load_study(NAME)`` reads. The findings
are told in ``studies/README.md``.
"""
