"""A second implementation of the streams contract: standard library plus psycopg, nothing of the suite, nothing of the reference."""
