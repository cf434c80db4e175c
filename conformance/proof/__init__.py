"""The proof that the suite catches bugs: planted bugs and deleted checks, each of which some cases must find."""
