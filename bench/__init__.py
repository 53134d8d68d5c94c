"""Speed, as ratios and distributions against a floor in the same run. `make bench`."""
