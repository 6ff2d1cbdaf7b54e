"""One room: links, the running session, and those who are told. Commands come in, asyncio lives here.

The station's life does not depend on broker, screen or any single sensor. All state is touched in one event
loop; what other threads have to say comes in by ``call_soon_threadsafe``.
"""

from eccentra.station.hostclock import HostClock
from eccentra.station.journal import Outlet
from eccentra.station.room import Station
from eccentra.station.settings import Room, RoomState

__all__ = ["HostClock", "Outlet", "Room", "RoomState", "Station"]
