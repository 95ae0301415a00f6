"""How messages travel. `Carrier.carry` takes any message and always comes back with a `Reply`."""

from __future__ import annotations

from worker.transports.carrier import Carrier

__all__ = ["Carrier"]
