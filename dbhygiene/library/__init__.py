"""What we know of drivers and frameworks, as typed data: one file each. Rules never spell a driver's `connect`."""
