"""The files of a project: how they are found, what they import and require."""
