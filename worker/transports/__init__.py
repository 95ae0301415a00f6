"""How messages travel. `Carrier.carry` takes any message and always comes back with a `Reply`."""
