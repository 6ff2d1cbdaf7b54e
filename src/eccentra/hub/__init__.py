"""The hub: events from MQTT into the results, results into decisions, decisions to those who answer for them.

=================  ==================================================================================
``node``           the hub at its broker: events and commands in, proposals and plans out
``take``           a batch of events into the results, and what it completes is decided about
``evaluate``       decide about an exercise of a person from what the database knows, and keep it
``carry_out``      what the hub is asked for: answers, reports, prescriptions, people
``respond``        what a therapist or athlete answered: accepted, edited, refused, unlocked
``asking``         how the next morning is: scheduled, asked, struck off
``checking``       checks of the calendar, kept as they become due
``announce``       what has to be published, from the database
``catching_up``    which events are missing, and whom to ask for them
``line``           one connection to the broker after the other
``inbound``        messages that wait until they are in the database
``courier``        what is on its way to the broker, by one worker for all
``locks``          one session and one person by one worker at a time
=================  ==================================================================================
"""
