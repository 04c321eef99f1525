"""The worker processes: what each of them is to do goes in, metrics and the end of each come out.

``supervisor`` keeps them running, ``nursery`` is where they come from, ``process`` is what runs in each,
``link`` is the line between supervisor and worker, and ``snapshots`` adds up the metrics of processes that
come and go.
"""
