"""Floor 4: from candidates to one patch, or to an honest abstention."""
