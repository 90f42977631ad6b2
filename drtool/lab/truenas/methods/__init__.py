"""What the simulated appliance answers, one service per module."""
