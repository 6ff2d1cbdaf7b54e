"""The results: people by pseudonym, what they did, what they said, what was decided and by whom.

One database, SQLite by default, PostgreSQL by URL, the same tables and tests. Recordings stay in session
files; here lie events and what follows from them.

=================  ====================================================================
``tables``         the tables
``database``       open one: connection settings, migrations
``taking``         events in any order, each once
``reading``        what a person did, as the plan wants it
``people``         people, programmes, reported values
``decisions``      prescriptions, decisions, approvals, and who did what
``reviews``        checks of the calendar, the list of the return, the end of a programme
``notes``          what a therapist notes beside sets and repetitions
``announcing``     what has still to be published
``forgetting``     erase a person
=================  ====================================================================
"""
