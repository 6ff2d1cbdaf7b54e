"""The hub: events from MQTT into the results, results into decisions, decisions to those who answer for them.

=================  ==================================================================================
``evaluate``       decide about an exercise of a person from what the database knows, and keep it
``respond``        what a therapist or athlete answered: accepted, edited, refused, unlocked
=================  ==================================================================================
"""
