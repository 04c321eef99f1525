"""What is done with dead letters after they were saved: they are tried again.

``replay`` tries them again, from the bytes that were kept or from Kafka, whence ``reread`` fetches them.
"""
