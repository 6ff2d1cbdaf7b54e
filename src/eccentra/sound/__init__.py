"""Cues as sound: a tone for each kind, then the spoken text. Outside the core: it hears of events only.

- :mod:`eccentra.sound.tones` makes the tones, :mod:`eccentra.sound.speech` asks a program to speak,
- :mod:`eccentra.sound.turns` decides what is heard when two things are to be said,
- :mod:`eccentra.sound.render` writes a session's cues to a WAV file at their times,
- :mod:`eccentra.sound.outputs` finds what can play, :mod:`eccentra.sound.player` plays live, in a thread.
"""
