"""The page of results: one HTML file that says what was measured, how well and how to repeat it."""
