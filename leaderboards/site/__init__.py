"""The static site of the leaderboards."""
