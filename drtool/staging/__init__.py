"""Staging places, sandboxes and cutovers on a file system: what every source that lands files shares."""
