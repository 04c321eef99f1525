"""The worker processes: what each of them is to do goes in, metrics and the end of each come out.

``supervisor`` keeps them running, ``process`` is what runs in each, ``link`` is the line between the two, and
``snapshots`` adds up the metrics of processes that come and go.
"""
