"""Plain torch architectures of the bundled backbones: no file here imports headstart elsewhere."""
