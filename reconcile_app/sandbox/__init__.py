"""Wire-faithful simulators of the foreign systems over one small world."""
