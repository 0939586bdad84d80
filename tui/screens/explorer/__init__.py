"""The explorer: a cursor in latent space, and what the decoder makes of the point under it."""
