"""From the states of a sound to words with their times, window by window, and to one text."""
