"""Cases of the tokenizer (SPEC.md section 15, M1 to M3), and a runner that holds the three languages to them."""
