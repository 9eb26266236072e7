"""What each read is to answer, by group: plain computations over the tables."""
