"""Control-flow graphs, and the fixed points that are solved over them."""
