"""The audit trail: what admins did in their tenant, written in the transaction of the change."""
