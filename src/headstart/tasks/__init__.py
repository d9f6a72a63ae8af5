"""What is to be predicted: one file a task, from target to headline metric."""
