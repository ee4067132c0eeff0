"""DynamoDB: attribute values, keys and pages, transactions, cursors. Independent of the services."""
