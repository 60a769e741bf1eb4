"""Other registration tools, as their users would learn a scanner's correction with them."""
