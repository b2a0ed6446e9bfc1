"""What is told to others: events, the streams they go to, and where both wait until they have arrived."""
