"""What the tests stand on: a real Neovim, and the screen it draws."""
