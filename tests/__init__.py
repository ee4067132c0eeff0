"""All tests. As a package, so that no file here hides a module of the project, such as stack/."""
