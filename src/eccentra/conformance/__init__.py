"""What a sensor really delivers, and for which uses that is enough: half a minute of its packets, measured.

:mod:`~eccentra.conformance.measure` takes a sensor's inputs and gives numbers;
:mod:`~eccentra.conformance.uses` holds them against the rules of ``pipelines/shared/conformance.toml``.
"""
