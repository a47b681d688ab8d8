"""Every finding and every fix over many programs, kept in one text: what a change of the tool changes, in a diff."""
