"""What wakes drtool on this machine: units of systemd and lines of cron, written, compared and removed."""
