"""Published numbers, accepted submissions and the site builder."""
