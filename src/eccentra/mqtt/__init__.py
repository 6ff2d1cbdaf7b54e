"""Results leave over MQTT, and commands come in.

======================  ==========================================================================
``contract``            topics, QoS, retain; payloads of events, state, live values; pure
``asking``              what a hub publishes when it asks people; pure
``view``                events -> what a station's ``state`` and ``last_set`` say; pure
``commands``            a command's bytes -> a request, or one refusal; pure
``schemas``             JSON Schema of every message; pure
``asyncapi``            the AsyncAPI 3 document, made from the same tables; pure
``address``             ``embedded://``, ``mqtt://``, ``mqtts://`` URLs
``sink``                what takes results: the protocol that session runners know
``publisher``           what a node publishes and is asked; the way in for users
``station``             the sink of one station
``store``, ``outbox``   where events wait for the broker: in memory, or on disk
``refill``              events that found the outbox full, fetched from the session file
``desk``                commands taken and answered, each once
``pump``, ``queue``     the thread that publishes, and its book
``forgetting``          erase a person from outboxes and retained topics
``connection``          one connection to the broker (paho-mqtt)
``broker``              a broker inside this process, for this computer only (amqtt)
======================  ==========================================================================
"""
