"""Where a command runs, so that bytes need not pass through the orchestrator."""
