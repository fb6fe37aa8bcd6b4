"""Any torch module as a guest: `contents` is what it holds, `modes` leaves it as it was found, `call` runs it, and
`owners` knows which of its layers is at work.

Nothing here knows the course's own networks: profilers and attention instruments stand on it, and so does whoever runs
a network that may be a learner's.
"""
