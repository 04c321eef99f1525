"""What becomes of the bytes that Kafka's client fetched: a broker's batches come in, records go out.

``batches`` takes one batch apart, and holds no more of it at once than a worker can; ``fetcher`` makes the
client do it this way, and give no more at once than may be held.
"""
