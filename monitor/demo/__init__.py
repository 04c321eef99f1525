"""The demo: the real service against embedded servers, with made-up applications and a staged incident.

``stage`` puts the servers up, ``apps`` and ``gateway`` are the applications, ``traffic`` sends their calls,
``story`` says what happens when, ``watch`` reads the database, ``view`` draws, ``report`` counts, ``run``
does it all. Nothing in the service knows that it is a demo.
"""
