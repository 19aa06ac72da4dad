"""The edition: all published studies by one version of the code, and the texts that quote them."""
