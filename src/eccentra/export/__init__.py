"""Results in other programs' formats; nothing is computed here that was not measured before.

=================  ==================================================================================
``record``         a session as all formats need it: sets, repetitions, reports, with wall-clock times
``stored``         sessions, reports and decisions of a person from the results database
``csvtables``      tidy tables, one file each, with a data dictionary
``fhir``           an R4 Bundle a session
``fit``            a FIT activity a session
=================  ==================================================================================
"""
