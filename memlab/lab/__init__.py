"""The leakers, the box they leak in, and the experiments made of both."""
