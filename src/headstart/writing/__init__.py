"""Learning to write down what is said."""
