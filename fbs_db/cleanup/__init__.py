"""What goes when host rows and users go."""
