"""Results leave over MQTT.

======================  ==========================================================================
``contract``            topics, QoS, retain; payloads of events, state, live values; pure
``view``                events -> what a station's ``state`` and ``last_set`` say; pure
``schemas``             JSON Schema of every message; pure
``asyncapi``            the AsyncAPI 3 document, made from the same tables; pure
``address``             ``embedded://``, ``mqtt://``, ``mqtts://`` URLs
``sink``                what takes results: the protocol that session runners know
``publisher``           the sink that publishes (paho-mqtt)
``broker``              a broker inside this process, for this computer only (amqtt)
======================  ==========================================================================
"""
