"""The manual: every block of code in it is run, or says why not."""
