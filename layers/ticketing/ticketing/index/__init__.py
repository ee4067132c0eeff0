"""Search indexes as they are kept: packs in S3, which never change, and in a table which of them an index is made of.

What is in an index, and which engine wrote it, `search` knows. Here it is files that tantivy has committed to a folder.
See docs/decisions/0034-an-index-is-packs-and-a-pointer.md.
"""
