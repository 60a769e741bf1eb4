"""Learning the scanner's field from subjects scanned twice."""
