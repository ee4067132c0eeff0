"""DynamoDB: attribute values, keys and pages, transactions, cursors. Knows no service."""
