"""What parses foreign data, given data that is foreign: docs/security.md says what was run and what it found."""
