"""The appliance's own configuration: brought home, looked into, put back by its own means."""
