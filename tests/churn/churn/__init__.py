"""Consumer groups under churn: the conductor, what it records, and the checks over that."""
