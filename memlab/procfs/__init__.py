"""One module per kernel file: text in, frozen record out. `Host` alone opens /proc and /sys."""
