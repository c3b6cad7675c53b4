"""How far a result agrees with labels that people gave to the same recording."""
