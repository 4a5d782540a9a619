"""How texts are cut into tokens, for the Tokens tab: cuts, merges step by step, and sentences about them."""
