"""The report of batches as one page that opens without a server: what it shows, and how it is written."""
